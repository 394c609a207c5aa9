"""Hedging: a second attempt beside one that is slow, the first good answer wins.

Source: J. Dean, L. A. Barroso, The Tail at Scale (2013)
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from riskengine.clock import Clock
from riskengine.downstream.call import Attempt, Call, Fate
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.latencies import Latencies
from riskengine.downstream.retry_budget import RetryBudget

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HedgingRules:
    """When a call is slow."""

    quantile: float = 0.95
    """A call is hedged when it takes longer than this share of the latest."""
    delay_min_s: float = 0.005
    calls_min: int = 50
    """Before so many latencies are known, nothing is hedged."""


class Hedging:
    """For idempotent calls; shares its budget with the retries of the service."""

    def __init__(
        self, clock: Clock, budget: RetryBudget, rules: HedgingRules | None = None
    ) -> None:
        self._clock = clock
        self._budget = budget
        self._rules = rules or HedgingRules()
        self._latencies = Latencies()
        self.hedged = 0
        self.won = 0
        """Calls whose second attempt answered first."""

    @property
    def delay_s(self) -> float | None:
        """Seconds after which a call is hedged; None while too little is known."""
        if len(self._latencies) < self._rules.calls_min:
            return None
        known_s = self._latencies.quantile(self._rules.quantile)
        return None if known_s is None else max(self._rules.delay_min_s, known_s)

    async def run(
        self,
        call: Call,
        attempt: Callable[[Call, Callable[[Endpoint], None]], Coroutine[Any, Any, Attempt[T]]],
    ) -> Attempt[T]:
        """The first good attempt, or the last bad one; whatever else is running is cancelled.

        `attempt` tells the function it is given which endpoint it chose, so that the hedge goes to
        another one. It does not pay into the budget: whoever counts the calls does.
        """
        started = self._clock.monotonic()
        delay_s = self.delay_s if call.idempotent else None
        chosen: set[Endpoint] = set()
        if delay_s is None:
            return self._learn(await attempt(call, chosen.add), started)
        first = asyncio.ensure_future(attempt(call, chosen.add))
        tasks = {first}
        try:
            await asyncio.wait(tasks, timeout=delay_s)
            if not first.done() and self._may_hedge(call):
                other = msgspec.structs.replace(call, tried=call.tried | chosen)
                tasks.add(asyncio.ensure_future(attempt(other, chosen.add)))
            winner = await _first_good(tasks)
        finally:
            await _cancel(tasks)
        self.won += winner is not first
        return self._learn(winner.result(), started)

    def _may_hedge(self, call: Call) -> bool:
        if self._clock.monotonic() >= call.deadline or not self._budget.withdraw():
            return False
        self.hedged += 1
        return True

    def _learn(self, attempt: Attempt[T], started: float) -> Attempt[T]:
        """Remember how long the call took as a whole: what its slow first attempt hid is slow."""
        if attempt.result is not None and attempt.result.fate is Fate.SUCCESS:
            self._latencies.add(self._clock.monotonic() - started)
        return attempt


async def _first_good(tasks: set[asyncio.Task[Attempt[T]]]) -> asyncio.Task[Attempt[T]]:
    """The first task whose attempt was not a failure; the last to end where all were."""
    running: set[asyncio.Task[Attempt[T]]] = set(tasks)
    while True:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        good = [task for task in done if _is_good(task)]
        if good or not running:
            return (good or list(done))[0]


def _is_good(task: asyncio.Task[Attempt[T]]) -> bool:
    if task.cancelled() or task.exception() is not None:
        return False
    result = task.result().result
    return result is not None and result.fate is not Fate.FAILURE


async def _cancel(tasks: set[asyncio.Task[Attempt[T]]]) -> None:
    """End what still runs and wait until it has let go of its connection."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
