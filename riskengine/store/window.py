"""One strict sliding window: ten buckets and the oldest one, counted in full.

The script in `lua/` is the same arithmetic in the store; both work on whole microseconds, so that
they agree hit by hit.
"""

from riskengine.store.counters import Hit

_COUNT_MAX = 2**32 - 1  # what a bucket holds in the store

BUCKETS = 10
SLOTS = BUCKETS + 1


class Window:
    """Hits of one key. Whatever the schedule, `used` holds all of the trailing window.

    The window is cut into ten buckets, rounded up; eleven are kept, because the current one has
    only begun. A hit leaves when its bucket does, a tenth of the window late at most.

    A clock that went back is held where it was, but for more than a window, where it has been set
    anew: then the window starts afresh rather than refuse until the time comes again. Looking
    changes nothing, so that refused requests leave no trace.
    """

    __slots__ = ("_counts", "_newest", "_total", "_width_us", "pending")

    def __init__(self, window_us: int) -> None:
        self._width_us = -(-window_us // BUCKETS)
        self._newest = 0
        self._counts = [0] * SLOTS  # a ring: the bucket of index i is at i % SLOTS
        self._total = 0
        self.pending = 0
        """Hits of a request that is being decided; the caller's to set."""

    def used(self, at_us: int) -> int:
        """Hits that count at `at_us`."""
        ahead = at_us // self._width_us - self._newest
        if -BUCKETS <= ahead <= 0:
            return self._total
        if not 0 < ahead <= BUCKETS:
            return 0
        return self._total - self._passed(ahead)

    def room(self, hit: Hit, at_us: int) -> int:
        """See `Meter.room`."""
        return hit.limit - self.used(at_us)

    def add(self, hit: Hit, at_us: int) -> None:
        """Count the hit at `at_us` and let go of what is too old."""
        index = at_us // self._width_us
        ahead = index - self._newest
        if self._total == 0 or not -BUCKETS <= ahead <= BUCKETS:
            self._counts = [0] * SLOTS
            self._total = 0
            self._newest = index
        elif ahead > 0:
            self._total -= self._passed(ahead)
            for passed in range(self._newest + 1, index + 1):
                self._counts[passed % SLOTS] = 0
            self._newest = index
        slot = self._newest % SLOTS
        more = min(hit.cost, _COUNT_MAX - self._counts[slot])
        self._counts[slot] += more
        self._total += more

    def wait_us(self, hit: Hit, at_us: int) -> int:
        """See `Meter.wait_us`."""
        cost = hit.cost
        if cost > hit.limit:
            return SLOTS * self._width_us
        room = hit.limit - self.used(at_us)
        if room >= cost:
            return 0
        index = max(at_us // self._width_us, self._newest) - BUCKETS
        room += self._counts[index % SLOTS]
        while room < cost:
            index += 1
            room += self._counts[index % SLOTS]
        return (index + SLOTS) * self._width_us - at_us

    def _passed(self, ahead: int) -> int:
        """Hits in the buckets that make place for the next `ahead` ones."""
        newest = self._newest
        return sum(self._counts[i % SLOTS] for i in range(newest + 1, newest + ahead + 1))
