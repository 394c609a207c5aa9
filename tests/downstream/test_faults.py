"""Real servers break in every way that they do, and those who call them get through."""

import asyncio
import random
import socket
from contextlib import AsyncExitStack

import grpc
import pytest

from riskengine.clock import ManualClock
from riskengine.downstream.breaker import Breaker, State
from riskengine.downstream.bulkhead import Bulkhead
from riskengine.downstream.client import Client
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.concurrency import FixedLimit
from riskengine.downstream.ejection import Ejection
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.endpoint_breakers import EndpointBreakers
from riskengine.downstream.grpc_channel import GrpcConnection, GrpcConnector
from riskengine.downstream.http1 import Http1Connector
from riskengine.downstream.judge_grpc import judge_grpc
from riskengine.downstream.judge_http import judge_http
from riskengine.downstream.retry import Retries
from riskengine.downstream.retry_budget import RetryBudget
from riskengine.downstream.runner import Persistent
from tests.downstream.faulty import (
    SYSTEM,
    Faulty,
    Protected,
    fails_with,
    fetch,
    protected,
    resets_mid_body,
    serving,
    takes,
    waits_for,
)
from tests.downstream.servers import Echo, grpc_serving
from tests.waiting import until

pytestmark = pytest.mark.fault


def state(one: Protected | Breaker) -> State:
    return one.breaker.state if isinstance(one, Protected) else one.state


def dead() -> Endpoint:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return Endpoint(f"127.0.0.1:{taken.getsockname()[1]}")


async def test_a_dead_endpoint_costs_no_call_and_is_left_alone_after_five_failures() -> None:
    alive, gone = Faulty(), dead()
    async with serving(alive) as endpoint, protected(endpoint, gone, reserve=5) as one:
        await one.many(400)
        assert one.seen == {"200": 400}
        assert one.ejection.ejected() == [gone]
        assert one.budget.spent == 5, "five tried again, then none went there"


async def test_an_ejected_endpoint_comes_back_after_thirty_seconds_and_then_sixty() -> None:
    well, ill = Faulty(), Faulty()
    ill.bad_in_1000 = 1_000
    async with (
        serving(well) as good,
        serving(ill) as bad,
        protected(good, bad, reserve=100) as one,
    ):
        for lasts_s in (30, 60):
            while one.ejection.available(bad):
                await one.get()
            calls = ill.calls
            one.clock.advance(lasts_s - 2)
            await one.many(50)
            assert ill.calls == calls, "nothing goes there while it is out"
            one.clock.advance(2)
            assert one.ejection.available(bad)
        ill.bad_in_1000 = 0
        await one.many(100)
        assert ill.calls > calls + 20, "it takes its share again"


async def test_slow_answers_open_the_breaker() -> None:
    slow = Faulty()
    slow.bad_in_1000, slow.fault = 1_000, takes(0.6)
    async with serving(slow) as endpoint, protected(endpoint) as one:
        await asyncio.gather(*[one.get() for _ in range(19)])
        assert state(one) is State.CLOSED
        await one.get()
        assert state(one) is State.OPEN
        assert one.seen == {"200": 20}


@pytest.mark.parametrize(
    ("bad_in_1000", "opens"), [(40, False), (49, False), (51, True), (60, True)]
)
async def test_a_thousand_calls_a_window_open_it_above_five_percent_and_not_below(
    bad_in_1000: int, opens: bool
) -> None:
    faulty = Faulty()
    async with serving(faulty) as endpoint, protected(endpoint) as one:
        await one.many(1_000)
        faulty.calls, faulty.bad_in_1000 = 0, bad_in_1000
        began = one.clock.monotonic()
        while state(one) is State.CLOSED and one.clock.monotonic() - began < 25:
            await one.get()
        if opens:
            assert state(one) is State.OPEN
            assert one.clock.monotonic() - began <= 11.0
        assert (state(one) is State.OPEN) is opens


async def test_a_flapping_endpoint_loses_no_call_and_stays_out_longer_each_time() -> None:
    well, flapping = Faulty(), Faulty()
    async with (
        serving(well) as good,
        serving(flapping) as bad,
        protected(good, bad, reserve=20) as one,
    ):
        for number in range(2_000):
            flapping.bad_in_1000 = 1_000 if number // 20 % 2 else 0
            flapping.fault = fails_with(503)
            one.clock.advance(0.2)
            await one.get()
        assert one.seen == {"200": 2_000}
        assert one.ejection.ejections <= 6, "30 + 60 + 90 ... seconds of the 420 that passed"
        assert one.budget.spent <= 0.1 * 2_000


async def test_a_half_open_connection_times_out_and_is_then_avoided() -> None:
    gate = asyncio.Event()
    well, silent = Faulty(), Faulty()
    silent.bad_in_1000, silent.fault = 1_000, waits_for(gate)
    async with serving(well) as good, serving(silent) as bad, protected(good, bad) as one:
        await asyncio.gather(*[one.get(timeout_s=0.3) for _ in range(30)])
        assert one.seen["TimeoutError"] >= 5
        assert one.ejection.ejected() == [bad]
        one.seen.clear()
        one.breaker.force(State.FORCED_CLOSED)
        await one.many(100, timeout_s=5.0)
        assert one.seen == {"200": 100}
        await until(lambda: silent.inside == 0)


async def test_hedging_answers_for_a_half_open_connection_before_it_times_out() -> None:
    gate = asyncio.Event()
    well, silent = Faulty(), Faulty()
    async with (
        serving(well) as good,
        serving(silent) as bad,
        protected(good, bad, reserve=100, hedged=True) as one,
    ):
        await one.many(60)
        silent.bad_in_1000, silent.fault = 1_000, waits_for(gate)
        await one.many(40)
        assert one.seen == {"200": 100}
        assert one.hedging is not None
        assert one.hedging.won >= 5
        assert one.client.in_flight.count(bad) == 0


async def test_a_reset_in_the_middle_of_a_body_is_tried_again_where_that_is_safe() -> None:
    well, cut = Faulty(), Faulty()
    cut.bad_in_1000, cut.fault = 1_000, resets_mid_body
    async with (
        serving(well) as good,
        serving(cut) as bad,
        protected(good, bad, reserve=5) as one,
    ):
        await one.many(100)
        assert one.seen == {"200": 100}
        assert cut.calls == 5
    async with serving(cut) as bad, protected(bad, reserve=5) as one:
        attempt = await one.get(idempotent=False)
        assert attempt.answer is None
        assert cut.calls == 6, "not tried again: it may have been done"


async def test_a_breaker_of_its_own_cuts_off_one_endpoint_and_not_the_service() -> None:
    well, ill = Faulty(), Faulty()
    ill.bad_in_1000 = 1_000
    breakers = EndpointBreakers(ManualClock(), random.Random(1))
    async with (
        serving(well) as good,
        serving(ill) as bad,
        Client(
            Http1Connector(),
            ClientParts(judge=judge_http(SYSTEM), watches=[breakers], guards=[breakers]),
            clock=SYSTEM,
            rng=random.Random(1),
        ) as client,
    ):
        await client.update([good, bad])
        statuses = [(await client.call(fetch, timeout_s=20)).status for _ in range(200)]
        assert ill.calls == 20
        assert statuses.count(500) == 20
        assert state(breakers.breaker_of(bad)) is State.OPEN
        assert state(breakers.breaker_of(good)) is State.CLOSED


async def test_when_all_are_bad_the_breaker_spares_them_and_retries_stay_within_a_tenth() -> None:
    servers = [Faulty(), Faulty(), Faulty()]
    for one_bad in servers:
        one_bad.bad_in_1000, one_bad.fault = 1_000, fails_with(503)
    async with (
        serving(servers[0]) as first,
        serving(servers[1]) as second,
        serving(servers[2]) as third,
        protected(first, second, third) as one,
    ):
        one.breaker.force(State.FORCED_CLOSED)
        await one.many(1_000)
        reached = sum(server.calls for server in servers)
        assert 1_000 <= reached <= 1_100
        one.breaker.release()
        await one.many(300)
        spared = reached + 300 - sum(server.calls for server in servers)
        assert spared > 250
        assert one.seen["RejectedError"] > 250


async def test_half_open_admits_exactly_five_at_a_time_and_a_recovered_service_is_back() -> None:
    faulty, gate = Faulty(), asyncio.Event()
    faulty.bad_in_1000 = 1_000
    async with serving(faulty) as endpoint, protected(endpoint) as one:
        await one.many(20)
        assert state(one) is State.OPEN
        one.clock.advance(one.breaker.retry_after_s)
        faulty.calls, faulty.fault = 0, waits_for(gate)
        calls = [asyncio.ensure_future(one.get()) for _ in range(100)]
        await until(lambda: faulty.calls == 5)
        await until(lambda: sum(call.done() for call in calls) == 95)
        assert one.seen == {"500": 20, "RejectedError": 95}
        gate.set()
        await asyncio.gather(*calls)
        assert faulty.calls == 5
        assert state(one) is State.CLOSED
        faulty.bad_in_1000 = 0
        await one.many(100)
        assert one.seen["200"] == 105


@pytest.mark.parametrize(
    ("code", "becomes"),
    [("UNAVAILABLE", State.OPEN), ("INTERNAL", State.OPEN), ("INVALID_ARGUMENT", State.CLOSED)],
)
async def test_grpc_codes_that_are_the_services_fault_open_the_breaker(
    code: str, becomes: State
) -> None:
    breaker = Breaker(ManualClock(), random.Random(1))

    async def fail(connection: GrpcConnection) -> bytes:
        method = connection.channel.unary_unary("/shop/Fail", None, None)
        answer: bytes = await method(code.encode())
        return answer

    async with (
        grpc_serving(Echo()) as endpoint,
        Client(
            GrpcConnector(),
            ClientParts(judge=judge_grpc, guards=[breaker]),
            clock=SYSTEM,
            rng=random.Random(1),
        ) as client,
    ):
        await client.update([endpoint])
        for _ in range(20):
            with pytest.raises(grpc.aio.AioRpcError):
                await client.call(fail, timeout_s=20)
        assert state(breaker) is becomes


async def test_a_grpc_server_that_dies_under_load_costs_no_call() -> None:
    clock, budget = ManualClock(), RetryBudget(reserve=50)
    ejection = Ejection(clock, lambda: 2)
    parts = ClientParts(
        judge=judge_grpc,
        watches=[ejection],
        runner=Persistent(Retries(SYSTEM, random.Random(1), budget)),
    )

    async def echo(connection: GrpcConnection) -> bytes:
        method = connection.channel.unary_unary("/shop/Echo", None, None)
        answer: bytes = await method(b"hello")
        return answer

    async with (
        AsyncExitStack() as dying,
        grpc_serving(Echo()) as stays,
        Client(GrpcConnector(), parts, clock=SYSTEM, rng=random.Random(1)) as client,
    ):
        victim = Echo()
        dies = await dying.enter_async_context(grpc_serving(victim))
        await client.update([stays, dies])

        async def ask(count: int) -> list[bytes]:
            return [await client.call(echo, timeout_s=20, idempotent=True) for _ in range(count)]

        async with asyncio.TaskGroup() as calls:
            asked = [calls.create_task(ask(50)) for _ in range(10)]
            await until(lambda: len(victim.peers) > 0)
            await dying.aclose()
        assert [answer for task in asked for answer in task.result()] == [b"hello"] * 500
        assert not ejection.available(dies)
        assert budget.spent <= 0.1 * budget.calls + 50


@pytest.mark.slow
async def test_ten_thousand_cancelled_calls_leak_nothing() -> None:
    faulty, gate, rng = Faulty(), asyncio.Event(), random.Random(4)
    faulty.bad_in_1000, faulty.fault = 500, waits_for(gate)
    async with (
        serving(faulty) as endpoint,
        protected(endpoint, reserve=100, hedged=True) as one,
    ):
        walls = Bulkhead(SYSTEM, FixedLimit(200), waiting_max=10_000, wait_max_s=60)
        tasks_before = len(asyncio.all_tasks())

        async def call() -> None:
            async with walls.place(SYSTEM.monotonic() + 60):
                await one.get(timeout_s=60)

        for _ in range(20):
            calls = [asyncio.ensure_future(call()) for _ in range(500)]
            for cancelled in rng.sample(calls, len(calls)):
                if rng.random() < 0.02:
                    await asyncio.sleep(0.001)
                cancelled.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        assert faulty.calls > 100, "some had come as far as the service"
        assert (walls.in_flight, walls.waiting) == (0, 0)
        assert one.places.in_flight(endpoint) == 0
        assert one.client.in_flight.count(endpoint) == 0
        await until(lambda: faulty.inside == 0, within_s=20)
        await until(lambda: len(asyncio.all_tasks()) <= tasks_before + 50, within_s=20)
        assert one.breaker.tally.failures == 0, "what is cancelled does not count"
        faulty.bad_in_1000 = 0
        await one.many(100)
        assert one.seen["200"] >= 100
