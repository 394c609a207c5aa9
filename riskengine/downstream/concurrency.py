"""How many calls may be out at a time: a fixed number, or one that finds itself."""

from dataclasses import dataclass
from typing import Protocol

from riskengine.clock import Clock
from riskengine.downstream.call import Fate


class ConcurrencyLimit(Protocol):
    """A number of calls, and how it learns."""

    @property
    def limit(self) -> int:
        """Calls that may be out at a time; at least 1."""
        ...

    def learn(self, fate: Fate, latency_s: float, *, in_flight: int) -> None:
        """A call ended after `latency_s`; `in_flight` were out when it did, itself included."""
        ...


@dataclass(frozen=True, slots=True)
class FixedLimit:
    """A number that does not change."""

    limit: int

    def learn(self, fate: Fate, latency_s: float, *, in_flight: int) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class AimdRules:
    """How an `AimdLimit` moves."""

    start: int = 20
    least: int = 2
    most: int = 1_000
    slow_after_s: float = 0.5
    """A call that takes longer says that too many are out."""
    back_off: float = 0.9


class AimdLimit:
    """Additive increase, multiplicative decrease, as TCP does it.

    One more per round of good calls while the limit is in use; a tenth fewer when a call fails or
    is slow. All calls that were out at that moment tell of the same event: it falls once for them.
    Source: https://github.com/Netflix/concurrency-limits
    """

    def __init__(self, clock: Clock, rules: AimdRules | None = None) -> None:
        self._clock = clock
        self._rules = rules or AimdRules()
        self._limit = float(self._rules.start)
        self._fell_at = float("-inf")

    def __repr__(self) -> str:
        return f"<AimdLimit {self._limit:.1f}>"

    @property
    def limit(self) -> int:
        """Calls that may be out at a time."""
        return int(self._limit)

    def learn(self, fate: Fate, latency_s: float, *, in_flight: int) -> None:
        """Fall on a failed or slow call, rise on others; ignored ones say nothing."""
        if fate is Fate.IGNORED:
            return
        if fate is Fate.FAILURE or latency_s > self._rules.slow_after_s:
            self._fall(latency_s)
        elif in_flight * 2 >= self._limit:
            self._limit = min(float(self._rules.most), self._limit + 1.0 / self._limit)

    def _fall(self, latency_s: float) -> None:
        now = self._clock.monotonic()
        if now - latency_s < self._fell_at:
            return
        self._fell_at = now
        self._limit = max(float(self._rules.least), self._limit * self._rules.back_off)
