"""Counters that are watched: which keys are hot, which near their limit, which refused most.

A decision pays for one append. What was counted is looked at a little later, between decisions, and
sent to the store every two seconds over a connection of its own.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from riskengine.store.counters import Counters, Hit, Tally

LOOK_EVERY_S = 0.02
TAKEN_MAX = 64
"""Requests looked at each time; of more, the first ones stand for all."""

_FULL_SHARE = 2  # from half of its limit on, a key may become one of the fullest


class Watch(Protocol):
    """Wants to know how often keys came."""

    def add(self, seen: "Seen") -> None:
        """Take what was seen; must return at once."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class Seen:
    """What became of some hits, by key."""

    __slots__ = ("asked", "fullest", "refused")

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.fullest: dict[str, tuple[int, int]] = {}
        """Hits used and the limit, the last time they were more than half of it."""

    def take(self, requests: Sequence[Sequence[Hit]], tallies: Sequence[Sequence[Tally]]) -> None:
        """Add the hits of some requests: some 0.1 us each."""
        hits = [hit for own in requests for hit in own]
        answers = [tally for own in tallies for tally in own]
        self.asked.update([hit[0] for hit in hits])
        for hit, (admitted, remaining, _) in zip(hits, answers, strict=True):
            if remaining * _FULL_SHARE < hit[1]:
                self.fullest[hit[0]] = (hit[1] - remaining, hit[1])
            if not admitted:
                self.refused[hit[0]] += 1

    def scale(self, factor: int) -> None:
        """Let each hit stand for `factor`."""
        for counts in (self.asked, self.refused):
            for key in counts:
                counts[key] *= factor


class WatchedCounters:
    """Counts with `inner`, and lets `watch` know of it after the decisions have left."""

    def __init__(self, inner: Counters, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch
        self._batches: list[tuple[Sequence[Sequence[Hit]], list[list[Tally]]]] = []
        self._requests = 0
        self._taken = 0
        self._look: asyncio.TimerHandle | None = None

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """Count; see `Counters.hit`."""
        tallies = await self._inner.hit(requests, at_us=at_us, budget_s=budget_s)
        self._requests += len(requests)
        room = TAKEN_MAX - self._taken
        if room > 0:
            self._taken += min(room, len(requests))
            self._batches.append((requests[:room], tallies[:room]))
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self.look)
        return tallies

    def look(self) -> None:
        """Hand over what has come since the last time."""
        self._look = None
        seen = Seen()
        for requests, tallies in self._batches:
            seen.take(requests, tallies)
        if self._taken and (factor := round(self._requests / self._taken)) > 1:
            seen.scale(factor)
        self._batches, self._requests, self._taken = [], 0, 0
        self._watch.add(seen)

    async def close(self) -> None:
        """Stop watching and close `inner`."""
        if self._look is not None:
            self._look.cancel()
        await self._watch.close()
        await self._inner.close()
