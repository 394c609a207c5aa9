"""What clients notice when something behind the gateway is broken."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.downstream.servers import scripted
from tests.gateway.backends import Backend, two_backends
from tests.gateway.running import gateway

NO_RETRIES = {"retries": {"attempts_max": 1}}


async def test_no_request_that_can_be_retried_is_lost_when_a_backend_dies(tmp_path: Path) -> None:
    async with two_backends() as (one, two), gateway(tmp_path, one, two) as running:
        statuses: list[int] = []
        loaded, dead = asyncio.Event(), asyncio.Event()

        async def client() -> None:
            after = 0
            while after < 25:
                async with running.session.get(f"{running.url}/page") as answer:
                    await answer.read()
                    statuses.append(answer.status)
                after += dead.is_set()
                if len(statuses) == 200:
                    loaded.set()

        clients = [asyncio.ensure_future(client()) for _ in range(16)]
        await loaded.wait()
        served = len(one.heads)
        await one.stop()
        dead.set()
        await asyncio.gather(*clients)
    assert served > 0, "it had its share of the load before it died"
    assert set(statuses) == {200}
    assert len(statuses) >= 600


async def test_backend_that_comes_back_is_used_again(tmp_path: Path) -> None:
    ejection = {"failures_in_a_row": 1, "base": "100ms"}
    service = {"balancer": "round_robin", "ejection": ejection}
    async with (
        two_backends() as (one, two),
        gateway(tmp_path, one, two, service=service) as running,
    ):
        port = int(one.address.rpartition(":")[2])
        await one.stop()
        for _ in range(10):
            async with running.session.get(running.url) as answer:
                assert answer.headers["x-backend"] == "two"
        await one.start(port)
        names: set[str] = set()
        async with asyncio.timeout(30):
            while names != {"one", "two"}:
                async with running.session.get(running.url) as answer:
                    names.add(answer.headers["x-backend"])


async def test_order_is_not_sent_twice_when_its_backend_dies(tmp_path: Path) -> None:
    async with two_backends() as (one, two), gateway(tmp_path, one, two) as running:
        sending = asyncio.ensure_future(running.session.post(f"{running.url}/slow", data=b"order"))
        waiting = [asyncio.ensure_future(backend.arrived.wait()) for backend in (one, two)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        hit = one if one.arrived.is_set() else two
        await hit.stop()
        answer = await sending
        assert answer.status == 502
        assert (await answer.json(content_type=None))["status"] == 502
    assert len(one.heads) + len(two.heads) == 1


async def test_order_is_sent_elsewhere_when_it_surely_was_not_taken(tmp_path: Path) -> None:
    async with two_backends() as (one, two), gateway(tmp_path, one, two) as running:
        await one.stop()
        for _ in range(4):
            async with running.session.post(f"{running.url}/echo", data=b"order") as answer:
                assert (answer.status, await answer.read()) == (200, b"order")


@pytest.mark.parametrize(
    ("method", "attempts"), [("GET", 3), ("PUT", 3), ("DELETE", 3), ("POST", 1), ("PATCH", 1)]
)
async def test_failed_call_is_tried_again_only_where_that_is_safe(
    method: str, attempts: int, tmp_path: Path
) -> None:
    async with (
        two_backends() as backends,
        gateway(tmp_path, *backends) as running,
        running.session.request(method, f"{running.url}/status/503") as answer,
    ):
        assert answer.status == 503
        assert await answer.read() == b"as asked", "the service's own answer is passed on"
    assert sum(len(backend.heads) for backend in backends) == attempts


async def test_streamed_upload_is_never_sent_twice(tmp_path: Path) -> None:
    async with (
        two_backends() as backends,
        gateway(tmp_path, *backends) as running,
        running.session.put(f"{running.url}/status/503", data=b"x" * 3_000_000) as answer,
    ):
        assert answer.status == 503
    assert sum(len(backend.heads) for backend in backends) == 1


async def test_service_that_is_gone_is_502_and_then_rests(tmp_path: Path) -> None:
    service: dict[str, Any] = {**NO_RETRIES, "breaker": {"calls_min": 5}}
    async with two_backends() as (one, _), gateway(tmp_path, one, service=service) as running:
        await one.stop()
        statuses = []
        for _ in range(10):
            async with running.session.get(running.url) as answer:
                statuses.append(answer.status)
                retry_after = answer.headers.get("retry-after")
    assert statuses == [502] * 5 + [503] * 5
    assert int(retry_after or 0) >= 1


async def test_answer_that_does_not_come_is_504(tmp_path: Path) -> None:
    service = {**NO_RETRIES, "answer": "200ms"}
    async with (
        two_backends() as (one, _),
        gateway(tmp_path, one, service=service) as running,
        running.session.get(f"{running.url}/slow") as answer,
    ):
        assert answer.status == 504


async def test_full_pool_is_503(tmp_path: Path) -> None:
    pool = {"connections_max": 1, "idle_max": 1, "waiting_max": 1}
    service = {**NO_RETRIES, "pool": pool}
    async with two_backends() as (one, _), gateway(tmp_path, one, service=service) as running:
        slow = [asyncio.ensure_future(running.session.get(f"{running.url}/slow")) for _ in range(8)]
        refused, _ = await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED)
        assert {(await answer).status for answer in refused} == {503}
        one.gate.set()
        statuses = sorted([(await answer).status for answer in slow])
    assert statuses.count(200) in (1, 2)
    assert set(statuses) == {200, 503}


async def test_answer_that_would_bring_header_lines_of_its_own_is_502(tmp_path: Path) -> None:
    broken = b"HTTP/1.1 200 OK\r\nx-a: 1\rx-evil: 1\r\ncontent-length: 0\r\n\r\n"
    async with scripted(broken) as (endpoint, _):
        backend = Backend("broken")
        backend.address = endpoint.address
        async with (
            gateway(tmp_path, backend, service=NO_RETRIES) as running,
            running.session.get(running.url) as answer,
        ):
            assert (answer.status, answer.headers.get("x-evil")) == (502, None)


@pytest.mark.parametrize(("on_failure", "status"), [("allow", 200), ("deny", 503)])
async def test_requests_without_a_decision_pass_or_stop_as_configured(
    on_failure: str, status: int, tmp_path: Path
) -> None:
    nobody = Backend("nobody")
    await nobody.start()
    await nobody.stop()
    engine = {"endpoints": [{"address": nobody.address}], "on_failure": on_failure}
    async with (
        two_backends() as backends,
        gateway(tmp_path, *backends, engine=engine) as running,
        running.session.get(running.url) as answer,
    ):
        assert answer.status == status
    assert running.visits()[0]["reason"] == "engine.unavailable"
