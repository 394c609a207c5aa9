"""Counters in the memory of one process: for libraries, replay, and while the store is away."""

from collections import OrderedDict
from collections.abc import Sequence

from riskengine.clock import Clock
from riskengine.store.counters import Hit, Tally
from riskengine.store.window import Window


class MemoryCounters:
    """The windows touched last, `keys_max` of them: about 500 bytes each."""

    def __init__(self, clock: Clock, *, keys_max: int = 100_000) -> None:
        self._clock = clock
        self._keys_max = keys_max
        self._windows: OrderedDict[str, Window] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are held."""
        return len(self._windows)

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
        windows = {hit.key: self._window(hit) for hit in hits}
        fits = [not hit.observed and _takes(hit, windows[hit.key], at_us) for hit in hits]
        counting = all(fit or hit.observed for hit, fit in zip(hits, fits, strict=True))
        for place, hit in enumerate(hits):
            if hit.observed:
                fits[place] = _takes(hit, windows[hit.key], at_us)
        for key, window in windows.items():
            if counting and window.pending:
                window.add(at_us, window.pending)
                self._keep(key, window)
            window.pending = 0
        return [
            _tally(hit, windows[hit.key], at_us, fit) for hit, fit in zip(hits, fits, strict=True)
        ]

    def _window(self, hit: Hit) -> Window:
        window = self._windows.get(hit.key)
        if window is None:
            return Window(hit.window_us)
        self._windows.move_to_end(hit.key)
        return window

    def _keep(self, key: str, window: Window) -> None:
        """Where there are too many, forget the window that nobody has touched for longest.

        None is forgotten for its age: times may be given out of order, and what is over for one
        request is not for the next.
        """
        if key not in self._windows and len(self._windows) >= self._keys_max:
            self._windows.popitem(last=False)
        self._windows[key] = window


def _takes(hit: Hit, window: Window, at_us: int) -> bool:
    """Whether the hit fits beside what is pending; then it is pending itself."""
    fits = window.used(at_us) + window.pending + hit.cost <= hit.limit
    if fits:
        window.pending += hit.cost
    return fits


def _tally(hit: Hit, window: Window, at_us: int, fits: bool) -> Tally:
    left = max(0, hit.limit - window.used(at_us))
    return Tally(fits, left, window.wait_us(at_us, hit.limit, hit.cost) / 1_000_000)
