"""Counting alone while the store is away, and telling it afterwards what was counted."""

from collections.abc import Sequence
from typing import NamedTuple

from riskengine.clock import Clock
from riskengine.store.counters import Algorithm, Counters, Hit, Tally
from riskengine.store.memory import MemoryCounters
from riskengine.store.meter import Meter, meter_for

LOCAL_KEYS_MAX = 65_536
TOLD_AT_ONCE = 512
"""Counters in one call to a store that is back."""
_BUDGET_S = 0.5


class _Owed(NamedTuple):
    """Hits of one key that the store does not know of."""

    hit: Hit
    """With the whole limit, not with this process's share."""
    meter: Meter

    def used(self, at_us: int) -> int:
        whole = self.hit.burst if self.hit.algorithm is Algorithm.PACE else self.hit.limit
        return whole - self.meter.room(self.hit, at_us)


class LocalCounters(MemoryCounters):
    """Counts in this process, and owes the store what it counted.

    Without that a store that lost its counts would give each key its whole limit again, on top of
    what the processes gave meanwhile. Requests in flight are owed by nobody: their places lapse.
    """

    def __init__(self, clock: Clock, *, keys_max: int = LOCAL_KEYS_MAX) -> None:
        super().__init__(clock, keys_max=keys_max)
        self._owed: dict[str, _Owed] = {}

    def owe(self, asked: Sequence[Hit], counted: Sequence[Hit], tallies: Sequence[Tally]) -> None:
        """Remember what was counted of a request; `asked` are its hits with their whole limits."""
        whole = {hit.key: hit for hit in asked}
        at_us = self._now_us()
        passed = all(t.admitted or h.observed for h, t in zip(counted, tallies, strict=True))
        for hit, tally in zip(counted, tallies, strict=True):
            if hit.count_denied or (passed and tally.admitted):
                self._add(whole[hit.key], at_us)

    async def tell(self, store: Counters) -> None:
        """Count in `store` what it is owed at this moment, as if it came now.

        Raises StoreError where it does not answer; what it may not have heard is owed again, and
        may then count twice.
        """
        owed, self._owed = self._owed, {}
        keys = list(owed)
        while keys:
            batch = [owed[key] for key in keys[:TOLD_AT_ONCE]]
            at_us = self._now_us()
            hits = [_forced(one, used) for one in batch if (used := one.used(at_us)) > 0]
            try:
                if hits:
                    await store.hit([[hit] for hit in hits], budget_s=_BUDGET_S)
            except BaseException:
                self._owe_again({key: owed[key] for key in keys})
                raise
            del keys[:TOLD_AT_ONCE]

    def _add(self, hit: Hit, at_us: int) -> None:
        if hit.algorithm is Algorithm.CONCURRENCY:
            return
        owed = self._owed.get(hit.key)
        if owed is None:
            if len(self._owed) >= self._keys_max:
                del self._owed[next(iter(self._owed))]
            owed = self._owed[hit.key] = _Owed(hit, meter_for(hit))
        owed.meter.add(hit, at_us)

    def _owe_again(self, owed: dict[str, _Owed]) -> None:
        at_us = self._now_us()
        for key, newer in self._owed.items():
            if key in owed and (used := newer.used(at_us)) > 0:
                owed[key].meter.add(newer.hit._replace(cost=used), at_us)
        self._owed |= owed

    def _now_us(self) -> int:
        return round(self._clock.now() * 1_000_000)


def _forced(owed: _Owed, used: int) -> Hit:
    """Counts whether it fits or not."""
    return owed.hit._replace(cost=used, count_denied=True, lease=0)
