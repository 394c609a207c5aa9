"""What each option of a service, of clients and of the store does, seen from outside."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from riskengine.downstream.breaker import BreakerRules
from riskengine.downstream.ejection import EjectionRules
from riskengine.downstream.health import HealthRules
from riskengine.downstream.pool_limits import PoolLimits
from riskengine.downstream.retry import RetryRules
from riskengine.gateway.library_settings import settings_of
from riskengine.gateway.service_model import (
    BreakerEntry,
    EjectionEntry,
    HealthEntry,
    PoolEntry,
    RetriesEntry,
)
from riskengine.ruleset.fields import Entry
from tests.gateway.backends import Backend, two_backends
from tests.gateway.running import Running, config_for, gateway


async def backend_of(running: Running, path: str = "/page", client: str = "203.0.113.1") -> str:
    """Name of the backend that answered."""
    headers = {"x-forwarded-for": client}
    async with running.session.get(f"{running.url}{path}", headers=headers) as answer:
        await answer.read()
        assert answer.status == 200
        return answer.headers["x-backend"]


async def test_client_hash_keeps_each_client_on_one_backend(tmp_path: Path) -> None:
    clients = [f"198.51.100.{number}" for number in range(1, 41)]
    service = {"balancer": "client_hash"}
    async with two_backends() as backends, gateway(tmp_path, *backends, service=service) as running:
        first = [await backend_of(running, client=client) for client in clients]
        again = [await backend_of(running, client=client) for client in reversed(clients)]
    assert first == again[::-1]
    assert min(Counter(first).values()) >= 8, "both have their part"


async def test_client_hash_finds_another_backend_while_ones_own_is_away(tmp_path: Path) -> None:
    service = {"balancer": "client_hash"}
    async with (
        two_backends() as (one, two),
        gateway(tmp_path, one, two, service=service) as running,
    ):
        clients = [f"198.51.100.{number}" for number in range(1, 21)]
        homes = {client: await backend_of(running, client=client) for client in clients}
        assert set(homes.values()) == {"one", "two"}
        await one.stop()
        for client in clients:
            assert await backend_of(running, client=client) == "two"


async def test_least_loaded_goes_where_nothing_waits(tmp_path: Path) -> None:
    service = {"balancer": "least_loaded"}
    async with (
        two_backends() as (one, two),
        gateway(tmp_path, one, two, service=service) as running,
    ):
        slow = asyncio.ensure_future(running.session.get(f"{running.url}/slow"))
        waiting = [asyncio.ensure_future(backend.arrived.wait()) for backend in (one, two)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        free = "two" if one.arrived.is_set() else "one"
        assert {await backend_of(running) for _ in range(20)} == {free}
        for backend in (one, two):
            backend.gate.set()
        assert (await slow).status == 200
        for task in waiting:
            task.cancel()


async def test_name_stands_for_the_addresses_behind_it(tmp_path: Path) -> None:
    async with two_backends() as (one, _):
        port = one.address.rpartition(":")[2]
        config = config_for(service={"dns": f"localhost:{port}"})
        del config["services"][0]["endpoints"]
        async with gateway(tmp_path, services=config["services"]) as running:
            assert {await backend_of(running) for _ in range(10)} == {"one"}
    assert {visit["endpoint"] for visit in running.visits()} == {one.address}


async def test_file_of_endpoints_is_followed_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    listed = tmp_path / "endpoints.yaml"
    async with two_backends() as (one, two):
        listed.write_text(f"endpoints:\n  - address: {one.address}\n")
        config = config_for(service={"endpoints_file": "endpoints.yaml"})
        del config["services"][0]["endpoints"]
        async with gateway(tmp_path, services=config["services"]) as running:
            assert {await backend_of(running) for _ in range(5)} == {"one"}
            listed.write_text("endpoints: [{address: nonsense}]\n")
            assert {await backend_of(running) for _ in range(5)} == {"one"}
            listed.write_text(f"endpoints:\n  - address: {two.address}\n")
            async with asyncio.timeout(20):
                while await backend_of(running) != "two":
                    pass
            assert {await backend_of(running) for _ in range(5)} == {"two"}


async def test_service_on_a_socket_of_the_file_system_is_reached(tmp_path: Path) -> None:
    backend = Backend("local")
    await backend.start(unix=tmp_path / "shop.sock")
    async with gateway(tmp_path, backend) as running:
        assert await backend_of(running) == "local"
        async with running.session.post(f"{running.url}/echo", data=b"x" * 100_000) as answer:
            assert await answer.read() == b"x" * 100_000
    await backend.stop()
    assert running.visits()[0]["endpoint"] == f"unix:{tmp_path / 'shop.sock'}"


async def test_connection_too_many_is_closed_and_the_others_go_on(tmp_path: Path) -> None:
    bounds = {"connections_max": 2}
    asked = b"GET /page HTTP/1.1\r\nHost: shop\r\n\r\n"
    async with two_backends() as backends, gateway(tmp_path, *backends, requests=bounds) as running:
        held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(2)]
        for reader, writer in held:
            writer.write(asked)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        async with asyncio.timeout(20):
            assert await _until_closed(reader) == b""
        writer.close()
        held[0][1].close()
        async with asyncio.timeout(20):
            while not (await _asked_anew(running.port, asked)).startswith(b"HTTP/1.1 200"):
                pass
        held[1][1].close()


async def test_pool_never_opens_more_connections_than_it_may(tmp_path: Path) -> None:
    pool = {"connections_max": 2, "idle_max": 2}
    async with (
        two_backends() as (one, _),
        gateway(tmp_path, one, service={"pool": pool}) as running,
    ):
        async with asyncio.TaskGroup() as calls:
            for _ in range(30):
                calls.create_task(backend_of(running))
        assert one.runner is not None
        assert one.runner.server is not None
        assert len(one.runner.server.connections) <= 2


async def test_embedded_store_counts(tmp_path: Path) -> None:
    engine = {"rules": "rules", "store": "embedded", "budget": "1s"}
    statuses = []
    async with two_backends() as backends, gateway(tmp_path, *backends, engine=engine) as running:
        for number in range(32):
            async with running.session.get(f"{running.url}/products/{number}") as answer:
                statuses.append(answer.status)
    assert statuses == [200] * 30 + [429] * 2


async def test_backends_of_the_own_zone_are_preferred_until_they_cannot_carry_it(
    tmp_path: Path,
) -> None:
    async with two_backends() as (near, far):
        config = config_for()
        [service] = config["services"]
        service["endpoints"] = [
            {"address": near.address, "zone": "a"},
            {"address": far.address, "zone": "b"},
        ]
        service["ejection"] = {"failures_in_a_row": 1}
        async with gateway(tmp_path, services=[service], zone="a") as running:
            assert {await backend_of(running) for _ in range(20)} == {"one"}
            await near.stop()
            assert {await backend_of(running) for _ in range(20)} == {"two"}


@pytest.mark.parametrize(
    ("kind", "entry", "elsewhere"),
    [
        (PoolLimits, PoolEntry(), set()),
        (HealthRules, HealthEntry(), {"path"}),
        (EjectionRules, EjectionEntry(), set()),
        (BreakerRules, BreakerEntry(), set()),
        (RetryRules, RetriesEntry(), {"budget", "reserve"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_every_field_of_an_entry_reaches_the_library(
    kind: type[object], entry: Entry, elsewhere: set[str]
) -> None:
    taken = settings_of(kind, entry)
    for field in set(type(entry).model_fields) - elsewhere:
        name = field if hasattr(taken, field) else f"{field}_s"
        assert getattr(taken, name) == getattr(entry, field), field


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def _asked_anew(port: int, asked: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(asked)
        return await reader.readuntil(b"\r\n\r\n")
    except (ConnectionError, asyncio.IncompleteReadError):
        return b""
    finally:
        writer.close()
