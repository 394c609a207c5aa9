"""Endpoints that say they are ill are left out; real servers are asked over HTTP and gRPC."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import pairwise

import grpc
import pytest
from aiohttp import web
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from hypothesis import given
from hypothesis import strategies as st

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.health import ActiveHealth, Check, HealthRules, HealthState
from riskengine.downstream.health_checks import grpc_check, http_check
from tests.downstream.fleet import run_virtually
from tests.downstream.results import HERE

RULES = HealthRules(every_s=5.0, jitter=0.0, timeout_s=1.0)


class Patient:
    """Says how it is, when it is asked."""

    def __init__(self) -> None:
        self.well = True
        self.hangs = False
        self.asked_at: list[float] = []

    async def check(self, endpoint: Endpoint) -> bool:
        self.asked_at.append(asyncio.get_running_loop().time())
        if self.hangs:
            await asyncio.Event().wait()
        if not self.well:
            raise ConnectionRefusedError(endpoint.address)
        return True


def test_three_bad_answers_take_an_endpoint_out_and_two_good_ones_bring_it_back() -> None:
    async def work() -> None:
        patient = Patient()
        changes: list[tuple[float, bool]] = []
        loop = asyncio.get_running_loop()
        watch = ActiveHealth(
            patient.check,
            random.Random(1),
            RULES,
            on_change=lambda endpoint, up: changes.append((loop.time(), up)),
        )
        watch.update([HERE])
        await asyncio.sleep(1)
        patient.well = False
        await asyncio.sleep(20)
        patient.well = True
        await asyncio.sleep(20)
        assert changes == [(15, False), (30, True)]
        await watch.close()

    run_virtually(work)


def test_one_that_hangs_is_ill_after_the_timeout() -> None:
    async def work() -> None:
        patient = Patient()
        patient.hangs = True
        watch = ActiveHealth(patient.check, random.Random(1), RULES)
        watch.update([HERE])
        assert watch.available(HERE), "not known yet"
        await asyncio.sleep(1.01)
        assert not watch.available(HERE), "the first answer is believed at once"
        assert repr(watch) == "<ActiveHealth of 1 endpoints, ill: 127.0.0.1:8080>"
        watch.update([])
        assert watch.available(HERE)
        await asyncio.sleep(30)
        assert patient.asked_at == [0.0], "nobody asks any more"

    run_virtually(work)


def test_pauses_vary_so_that_clients_do_not_ask_in_step() -> None:
    async def work() -> None:
        patient = Patient()
        watch = ActiveHealth(patient.check, random.Random(1), HealthRules(every_s=5, jitter=0.2))
        watch.update([HERE])
        await asyncio.sleep(1_000)
        await watch.close()
        times = patient.asked_at
        gaps = [after - before for before, after in pairwise(times)]
        assert 4.0 <= min(gaps) < 4.1
        assert 5.9 < max(gaps) <= 6.0

    run_virtually(work)


@given(st.lists(st.booleans(), max_size=100))
def test_the_belief_changes_only_after_as_many_answers_in_a_row_as_needed(
    answers: list[bool],
) -> None:
    state = HealthState(HealthRules(well_after=2, ill_after=3))
    for number, well in enumerate(answers):
        changed = state.note(well)
        if changed and number > 0:
            needed = 2 if well else 3
            assert answers[: number + 1][-needed:] == [well] * needed
        if changed:
            assert state.well == well


@asynccontextmanager
async def http_server(status: int) -> AsyncIterator[Endpoint]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status if request.path == "/healthz" else 404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    yield Endpoint(f"127.0.0.1:{port}")
    await runner.cleanup()


@asynccontextmanager
async def grpc_server() -> AsyncIterator[tuple[Endpoint, health.HealthServicer]]:
    server = grpc.aio.server(migration_thread_pool=ThreadPoolExecutor(1))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield Endpoint(f"127.0.0.1:{port}"), servicer
    await server.stop(None)


def dead_endpoint() -> Endpoint:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return Endpoint(f"127.0.0.1:{taken.getsockname()[1]}")


@pytest.mark.parametrize(("status", "well"), [(200, True), (204, True), (302, False), (503, False)])
async def test_http_says_it_by_its_status(status: int, well: bool) -> None:
    async with http_server(status) as endpoint:
        assert await http_check()(endpoint) is well
        assert await http_check("/other")(endpoint) is False


async def test_grpc_says_it_by_its_health_service() -> None:
    async with grpc_server() as (endpoint, servicer):
        statuses = health_pb2.HealthCheckResponse
        servicer.set("", statuses.SERVING)
        assert await grpc_check()(endpoint)
        servicer.set("shop", statuses.NOT_SERVING)
        assert not await grpc_check("shop")(endpoint)
        assert not await grpc_check("unknown")(endpoint)


@pytest.mark.parametrize("check", [http_check(), grpc_check()], ids=["http", "grpc"])
async def test_where_nobody_listens_it_is_ill(check: Check) -> None:
    gone = asyncio.Event()
    watch = ActiveHealth(
        check,
        random.Random(1),
        RULES,
        on_change=lambda endpoint, up: gone.set(),
    )
    endpoint = dead_endpoint()
    watch.update([endpoint])
    await asyncio.wait_for(gone.wait(), 10)
    assert not watch.available(endpoint)
    await watch.close()
