"""A breaker around whole calls, retries included: it is about what callers get.

One bad endpoint among many, whose calls others answer, is a matter for ejection or for a breaker
of its own (`EndpointBreakers`); it must not cut the service off.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from riskengine.clock import Clock
from riskengine.downstream.breaker import Breaker
from riskengine.downstream.call import Attempt, Call, Fate
from riskengine.downstream.errors import RejectedError
from riskengine.downstream.runner import Chosen, Runner

T = TypeVar("T")


class ServiceBreaker:
    """A runner around another one, such as `Persistent`; its latency is what callers wait."""

    def __init__(self, clock: Clock, breaker: Breaker, runner: Runner) -> None:
        self._clock = clock
        self._breaker = breaker
        self._runner = runner

    async def run(
        self, call: Call, attempt: Callable[[Call, Chosen], Coroutine[Any, Any, Attempt[T]]]
    ) -> Attempt[T]:
        """See Runner. An open breaker is an attempt that was not made, with its RejectedError."""
        try:
            permit = self._breaker.admit()
        except RejectedError as refusal:
            return Attempt(None, None, refusal)
        started = self._clock.monotonic()
        fate = Fate.IGNORED
        try:
            last = await self._runner.run(call, attempt)
            fate = fate if last.result is None else last.result.fate
            return last
        finally:
            permit.end(fate, self._clock.monotonic() - started)
