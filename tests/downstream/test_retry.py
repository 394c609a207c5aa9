"""Trying again helps where it is safe, and never multiplies the load."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.downstream.call import Attempt, Call, CallResult, Progress
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.pushback import NEVER
from riskengine.downstream.retry import Retries, RetryRules
from riskengine.downstream.retry_budget import RetryBudget
from tests.downstream.fleet import run_virtually
from tests.downstream.results import HERE, failure, ignored, success
from tests.virtual_loop import LoopClock

RICH = {"share": 1.0, "reserve": 100.0}


class Service:
    """Answers with the results it was given, the last one for ever."""

    def __init__(self, *results: CallResult | None) -> None:
        self._results = list(results)
        self.calls: list[Call] = []
        self.at: list[float] = []

    async def attempt(self, call: Call) -> Attempt[str]:
        self.calls.append(call)
        self.at.append(asyncio.get_running_loop().time())
        result = self._results.pop(0) if len(self._results) > 1 else self._results[0]
        return Attempt("answer", result)


def run(
    service: Service,
    *,
    idempotent: bool = True,
    deadline: float = 10.0,
    budget: RetryBudget | None = None,
    rules: RetryRules | None = None,
) -> Attempt[str]:
    async def work() -> Attempt[str]:
        retries = Retries(LoopClock(), random.Random(1), budget or RetryBudget(**RICH), rules=rules)
        return await retries.run(Call(deadline, idempotent=idempotent), service.attempt)

    return run_virtually(work)


def test_a_failed_idempotent_call_is_tried_elsewhere() -> None:
    other = Endpoint("127.0.0.1:8081")
    service = Service(failure(), success(other))
    assert run(service).result == success(other)
    assert [call.tried for call in service.calls] == [frozenset(), frozenset({HERE})]


@pytest.mark.parametrize(
    ("first", "idempotent", "tries"),
    [
        (success(), True, 1),
        (ignored(), True, 1),
        (None, True, 1),
        (failure(progress=Progress.MAYBE), False, 1),
        (failure(progress=Progress.ANSWERED), False, 1),
        (failure(progress=Progress.NOT_SENT), False, 3),
        (failure(progress=Progress.NOT_SENT), True, 3),
        (failure(progress=Progress.MAYBE), True, 3),
        (failure(progress=Progress.ANSWERED), True, 3),
        (failure(progress=Progress.NOT_SENT, retryable=False), True, 1),
        (failure(retry_after_s=NEVER), True, 1),
    ],
)
def test_only_what_is_safe_is_tried_again(
    first: CallResult | None, idempotent: bool, tries: int
) -> None:
    service = Service(first)
    run(service, idempotent=idempotent)
    assert len(service.calls) == tries


def test_the_server_says_when_to_come_back() -> None:
    service = Service(failure(retry_after_s=2.5), success())
    run(service)
    assert service.at == [0.0, 2.5]


def test_nothing_is_tried_whose_pause_ends_after_the_deadline() -> None:
    service = Service(failure(retry_after_s=2.5))
    budget = RetryBudget(**RICH)
    assert run(service, deadline=2.5, budget=budget).result == failure(retry_after_s=2.5)
    assert len(service.calls) == 1
    assert budget.spent == 0, "what is not tried is not paid"


def test_pauses_are_drawn_from_the_whole_span_that_doubles() -> None:
    gaps: list[list[float]] = [[], []]

    async def work() -> None:
        retries = Retries(
            LoopClock(), random.Random(7), RetryBudget(share=2), RetryRules(pause_max_s=0.04)
        )
        for _ in range(300):
            service = Service(failure())
            await retries.run(Call(float("inf"), idempotent=True), service.attempt)
            for place in (0, 1):
                gaps[place].append(service.at[place + 1] - service.at[place])

    run_virtually(work)
    for longest_s, drawn in zip((0.025, 0.04), gaps, strict=True):
        assert 0 <= min(drawn) < 0.1 * longest_s
        assert 0.9 * longest_s < max(drawn) <= longest_s + 1e-9


def test_an_outage_of_everything_grows_the_load_by_a_tenth_at_most() -> None:
    service = Service(failure())
    budget = RetryBudget()

    async def work() -> None:
        retries = Retries(LoopClock(), random.Random(1), budget)
        for _ in range(1_000):
            await retries.run(Call(float("inf"), idempotent=True), service.attempt)

    run_virtually(work)
    assert len(service.calls) == 1_100
    assert (budget.calls, budget.spent) == (1_000, 100)
    assert repr(budget) == "<RetryBudget 0.0 left, 100 spent on 1000 calls>"


@given(st.lists(st.booleans(), max_size=500), st.floats(0, 1), st.integers(0, 20))
def test_the_budget_never_pays_more_than_its_share(
    steps: list[bool], share: float, reserve: int
) -> None:
    budget = RetryBudget(share=share, reserve=reserve, bank=50)
    for is_call in steps:
        before = budget.spent
        if is_call:
            budget.deposit()
        else:
            assert budget.withdraw() == (budget.spent > before)
        assert budget.spent <= share * budget.calls + reserve + 1e-6


def test_a_quiet_time_saves_up_no_more_than_the_bank_holds() -> None:
    budget = RetryBudget(bank=10)
    for _ in range(10_000):
        budget.deposit()
    assert [budget.withdraw() for _ in range(11)] == [True] * 10 + [False]
    assert budget.refused == 1


def test_cancelling_a_call_between_two_tries_ends_it() -> None:
    service = Service(failure(retry_after_s=5))

    async def work() -> None:
        retries = Retries(LoopClock(), random.Random(1), RetryBudget(**RICH))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await retries.run(Call(100, idempotent=True), service.attempt)

    run_virtually(work)
    assert len(service.calls) == 1
