"""Trying again: only what is safe, only what the budget pays, only while there is time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from riskengine.clock import Clock
from riskengine.downstream.call import Attempt, Call, CallResult, Progress
from riskengine.downstream.retry_budget import RetryBudget

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryRules:
    """Times are seconds."""

    attempts_max: int = 3
    """The first one included."""
    pause_s: float = 0.025
    """The wait before the n-th retry is drawn evenly from 0 to `pause_s` x 2^(n-1)."""
    pause_max_s: float = 0.25


class Retries:
    """Runs attempts of a call until one succeeds or nothing more should be tried."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        budget: RetryBudget,
        rules: RetryRules | None = None,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._budget = budget
        self._rules = rules or RetryRules()

    async def run(self, call: Call, attempt: Callable[[Call], Awaitable[Attempt[T]]]) -> Attempt[T]:
        """The last attempt made; every one avoids the endpoints that were tried before it."""
        self._budget.deposit()
        last = await attempt(call)
        for number in range(1, self._rules.attempts_max):
            result = last.result
            if result is None or not may_repeat(call, result):
                return last
            wait_s = self._wait_s(number, result)
            if self._clock.monotonic() + wait_s >= call.deadline or not self._budget.withdraw():
                return last
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            call = msgspec.structs.replace(call, tried=call.tried | {result.endpoint})
            last = await attempt(call)
        return last

    def _wait_s(self, number: int, result: CallResult) -> float:
        """What the server asked for; otherwise full jitter.

        Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        if result.retry_after_s is not None:
            return result.retry_after_s
        longest_s = min(self._rules.pause_max_s, self._rules.pause_s * 2.0 ** (number - 1))
        return self._rng.uniform(0, longest_s)


def may_repeat(call: Call, result: CallResult) -> bool:
    """Whether another attempt can help and cannot do harm."""
    if not result.retryable or (result.retry_after_s is not None and result.retry_after_s < 0):
        return False
    return result.progress is Progress.NOT_SENT or call.idempotent
