"""A slow call gets a second chance beside it; the first good answer wins."""

import asyncio
from collections.abc import Callable

import pytest

from riskengine.downstream.call import Attempt, Call, CallResult
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.hedging import Hedging, HedgingRules
from riskengine.downstream.latencies import Latencies
from riskengine.downstream.retry_budget import RetryBudget
from tests.downstream.fleet import run_virtually
from tests.downstream.results import failure, success
from tests.virtual_loop import LoopClock

A, B = Endpoint("127.0.0.1:1"), Endpoint("127.0.0.1:2")


class Fleet:
    """Two endpoints with the latency and the result that a test gives them."""

    def __init__(self) -> None:
        self.takes_s = {A: 0.01, B: 0.01}
        self.results: dict[Endpoint, Callable[[Endpoint], CallResult]] = {A: success, B: success}
        self.running = 0
        self.attempts = 0

    async def attempt(self, call: Call, chosen: Callable[[Endpoint], None]) -> Attempt[str]:
        endpoint = B if A in call.tried else A
        chosen(endpoint)
        self.running += 1
        self.attempts += 1
        try:
            await asyncio.sleep(self.takes_s[endpoint])
        finally:
            self.running -= 1
        return Attempt(endpoint.address, self.results[endpoint](endpoint))


async def warmed(fleet: Fleet, budget: RetryBudget, calls: int = 50) -> Hedging:
    hedging = Hedging(LoopClock(), budget, HedgingRules(delay_min_s=0.001))
    for _ in range(calls):
        await hedging.run(Call(1_000, idempotent=True), fleet.attempt)
    fleet.attempts = 0
    return hedging


def rich() -> RetryBudget:
    return RetryBudget(reserve=100)


def test_a_slow_call_is_answered_by_its_hedge_and_the_slow_one_is_cancelled() -> None:
    async def work() -> None:
        fleet = Fleet()
        hedging = await warmed(fleet, rich())
        fleet.takes_s[A] = 3.0
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await hedging.run(Call(1_000, idempotent=True), fleet.attempt)
        assert answer.answer == B.address
        assert loop.time() - began == pytest.approx(0.02)
        assert (hedging.hedged, hedging.won, fleet.running) == (1, 1, 0)

    run_virtually(work)


@pytest.mark.parametrize(
    ("calls", "idempotent", "reserve"), [(49, True, 9), (50, False, 9), (50, True, 0)]
)
def test_nothing_is_hedged_before_enough_is_known_nor_unsafe_nor_unpaid(
    calls: int, idempotent: bool, reserve: int
) -> None:
    async def work() -> None:
        fleet = Fleet()
        hedging = await warmed(fleet, RetryBudget(reserve=reserve), calls)
        fleet.takes_s[A] = 3.0
        answer = await hedging.run(Call(1_000, idempotent=idempotent), fleet.attempt)
        assert (answer.answer, fleet.attempts) == (A.address, 1)

    run_virtually(work)


def test_a_fast_failure_of_one_leaves_the_other_to_answer() -> None:
    async def work() -> None:
        fleet = Fleet()
        hedging = await warmed(fleet, rich())
        fleet.takes_s[A] = 0.5
        fleet.results[B] = failure
        answer = await hedging.run(Call(1_000, idempotent=True), fleet.attempt)
        assert answer.result == success(A)

    run_virtually(work)


def test_where_both_fail_a_failure_is_the_answer() -> None:
    async def work() -> None:
        fleet = Fleet()
        hedging = await warmed(fleet, rich())
        fleet.takes_s[A] = 0.5
        fleet.results = {A: failure, B: failure}
        answer = await hedging.run(Call(1_000, idempotent=True), fleet.attempt)
        assert answer.result == failure(A)
        assert fleet.running == 0

    run_virtually(work)


def test_a_thousand_cancelled_calls_leave_nothing_running() -> None:
    async def work() -> None:
        fleet = Fleet()
        hedging = await warmed(fleet, RetryBudget(reserve=1_000, bank=1_000))
        fleet.takes_s = {A: 3.0, B: 3.0}
        calls = [
            asyncio.ensure_future(hedging.run(Call(1_000, idempotent=True), fleet.attempt))
            for _ in range(1_000)
        ]
        await asyncio.sleep(0.5)
        assert fleet.running == 2_000
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert fleet.running == 0
        assert len(asyncio.all_tasks()) == 1

    run_virtually(work)


def test_the_delay_is_the_latency_that_few_calls_exceed() -> None:
    latencies = Latencies(count=100)
    for number in range(1_000):
        latencies.add(float(number))
    assert len(latencies) == 100
    assert latencies.quantile(0.0) == 900.0
    assert latencies.quantile(0.95) == 995.0
    assert latencies.quantile(1.0) == 999.0
    assert Latencies().quantile(0.5) is None
