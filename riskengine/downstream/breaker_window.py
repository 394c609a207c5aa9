"""How the calls of the last seconds went, in a fixed number of small sums."""

from dataclasses import dataclass

_BUCKETS = 10


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls that count, and how many of them failed or were slow (a call can be both)."""

    calls: int = 0
    failures: int = 0
    slow: int = 0

    @property
    def failure_share(self) -> float:
        """0..1; 0 without calls."""
        return self.failures / self.calls if self.calls else 0.0

    @property
    def slow_share(self) -> float:
        """0..1; 0 without calls."""
        return self.slow / self.calls if self.calls else 0.0


class Window:
    """Sums over the last `window_s` seconds, and over up to a tenth of it more.

    It never looks back less than the whole window: a shorter one would hold so few calls that
    evenly spaced failures just below a rate seem to be above it.
    """

    def __init__(self, window_s: float) -> None:
        self._bucket_s = window_s / _BUCKETS
        self._sums: list[list[int]] = []
        self._numbers: list[int] = []
        self._calls = self._failures = self._slow = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._sums = [[0, 0, 0] for _ in range(_BUCKETS + 1)]
        self._numbers = [-1] * (_BUCKETS + 1)
        self._calls = self._failures = self._slow = 0

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        """Count one call that ended at `now` (seconds, never going back)."""
        number = self._advance(now)
        sums = self._sums[number % len(self._sums)]
        self._numbers[number % len(self._numbers)] = number
        sums[0] += 1
        sums[1] += failed
        sums[2] += slow
        self._calls += 1
        self._failures += failed
        self._slow += slow

    def tally(self, now: float) -> Tally:
        """What the window holds at `now`."""
        self._advance(now)
        return Tally(self._calls, self._failures, self._slow)

    def _advance(self, now: float) -> int:
        """Drop what has left the window; the number of the bucket of `now`."""
        number = int(now // self._bucket_s)
        for place, held in enumerate(self._numbers):
            if held >= 0 and held < number - _BUCKETS:
                calls, failures, slow = self._sums[place]
                self._calls -= calls
                self._failures -= failures
                self._slow -= slow
                self._sums[place], self._numbers[place] = [0, 0, 0], -1
        return number
