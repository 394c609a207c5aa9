"""Counters in the memory of one process: for libraries, replay, and while the store is away."""

from collections import OrderedDict
from collections.abc import Sequence

from riskengine.clock import Clock
from riskengine.store.counters import Hit, Tally
from riskengine.store.log_meters import ConcurrencyMeter
from riskengine.store.meter import Meter, meter_for


class MemoryCounters:
    """The keys touched last, `keys_max` of them: about 500 bytes each, exact limits more."""

    def __init__(self, clock: Clock, *, keys_max: int = 100_000) -> None:
        self._clock = clock
        self._keys_max = keys_max
        self._meters: OrderedDict[str, Meter] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are held."""
        return len(self._meters)

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """Count at once; see `Counters.hit`."""
        if at_us is None:
            at_us = [round(self._clock.now() * 1_000_000)] * len(requests)
        return [self._count(hits, at) for hits, at in zip(requests, at_us, strict=True)]

    async def close(self) -> None:
        """Nothing is held open."""

    def _count(self, hits: Sequence[Hit], at_us: int) -> list[Tally]:
        meters: dict[str, Meter] = {}
        for hit in hits:
            if hit.key not in meters:
                meters[hit.key] = self._meter(hit)
        fits = [not hit.observed and _takes(hit, meters[hit.key], at_us) for hit in hits]
        counting = all(fit or hit.observed for hit, fit in zip(hits, fits, strict=True))
        for place, hit in enumerate(hits):
            if hit.observed:
                fits[place] = _takes(hit, meters[hit.key], at_us)
        for meter in meters.values():
            meter.pending = 0
        for hit, fit in zip(hits, fits, strict=True):
            if hit.count_denied or (counting and fit):
                meters[hit.key].add(hit, at_us)
                self._keep(hit.key, meters[hit.key])
        return [
            _tally(hit, meters[hit.key], at_us, fit) for hit, fit in zip(hits, fits, strict=True)
        ]

    def _meter(self, hit: Hit) -> Meter:
        meter = self._meters.get(hit.key)
        if meter is None:
            return meter_for(hit)
        self._meters.move_to_end(hit.key)
        return meter

    def _keep(self, key: str, meter: Meter) -> None:
        """Where there are too many, forget the meter that nobody has touched for longest.

        None is forgotten for its age: times may be given out of order, and what is over for one
        request is not for the next.
        """
        if key not in self._meters and len(self._meters) >= self._keys_max:
            self._meters.popitem(last=False)
        self._meters[key] = meter


def _takes(hit: Hit, meter: Meter, at_us: int) -> bool:
    """Whether the hit fits beside what is pending; then it is pending itself."""
    if isinstance(meter, ConcurrencyMeter) and (not hit.cost or meter.holds(hit, at_us)):
        return True
    fits = meter.room(hit, at_us) >= meter.pending + hit.cost
    if fits:
        meter.pending += hit.cost
    return fits


def _tally(hit: Hit, meter: Meter, at_us: int, fit: bool) -> Tally:
    left = max(0, meter.room(hit, at_us))
    return Tally(fit, left, meter.wait_us(hit, at_us) / 1_000_000)
