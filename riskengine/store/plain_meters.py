"""Meters of two numbers or three: interpolated buckets, an even pace, a calendar period.

A clock that went back is held where it was, but for more than a window, where it has been set
anew: then the count starts afresh rather than refuse until the time comes again.
"""

import math

from riskengine.store.counters import Hit


class ApproxMeter:
    """The bucket that has begun, and of the one before it the part that the window still covers.

    Admits fewer than twice the limit in any trailing window (the worst case floods both sides of a
    bucket's edge), and about the limit where clients come evenly.
    """

    __slots__ = ("_current", "_index", "_previous", "pending")

    def __init__(self) -> None:
        self._index = 0
        self._current = 0
        self._previous = 0
        self.pending = 0

    def room(self, hit: Hit, at_us: int) -> int:
        """See `Meter.room`."""
        _, current, previous, elapsed_us = self._seen(hit, at_us)
        return hit.limit - current - _share(previous, hit.window_us, elapsed_us)

    def add(self, hit: Hit, at_us: int) -> None:
        """See `Meter.add`."""
        self._index, self._current, self._previous, _ = self._seen(hit, at_us)
        self._current += hit.cost

    def wait_us(self, hit: Hit, at_us: int) -> int:
        """See `Meter.wait_us`."""
        window_us = hit.window_us
        if hit.cost > hit.limit:
            return window_us
        index, current, previous, elapsed_us = self._seen(hit, at_us)
        if current + _share(previous, window_us, elapsed_us) + hit.cost <= hit.limit:
            return 0
        room = hit.limit - hit.cost - current
        if room < 0:  # not before the bucket is the older one, and some of it has left
            index, room, previous = index + 1, hit.limit - hit.cost, current
        return index * window_us + _first_fit(previous, window_us, room) - at_us

    def _seen(self, hit: Hit, at_us: int) -> tuple[int, int, int, int]:
        """Bucket, its hits, those of the one before, and how far into the bucket `at_us` is."""
        window_us = hit.window_us
        index = at_us // window_us
        ahead = index - self._index
        if ahead == 0:
            return index, self._current, self._previous, at_us - index * window_us
        if ahead == 1:
            return index, 0, self._current, at_us - index * window_us
        if ahead == -1:
            return self._index, self._current, self._previous, 0
        return index, 0, 0, at_us - index * window_us


def _share(previous: int, window_us: int, elapsed_us: int) -> int:
    """Hits of the older bucket that the window still covers, rounded up."""
    return math.ceil(float(previous) * float(window_us - elapsed_us) / window_us)


def _first_fit(previous: int, window_us: int, room: int) -> int:
    """Microseconds into a bucket at which no more than `room` hits of the older one count."""
    if previous <= room:
        return 0
    elapsed_us = math.ceil(window_us - float(room) * window_us / previous)
    while elapsed_us > 0 and _share(previous, window_us, elapsed_us - 1) <= room:
        elapsed_us -= 1
    while _share(previous, window_us, elapsed_us) > room:
        elapsed_us += 1
    return elapsed_us


class PaceMeter:
    """A level that each hit raises and that drains by `limit` in a window; full at `burst`.

    The generic cell rate algorithm (ITU-T I.371) as a leaky bucket: at most limit + burst hits in
    any trailing window.
    """

    __slots__ = ("_at", "_level", "pending")

    def __init__(self) -> None:
        self._at = 0
        self._level = 0.0
        self.pending = 0

    def room(self, hit: Hit, at_us: int) -> int:
        """See `Meter.room`."""
        return math.floor(hit.burst - self._level_at(hit, at_us))

    def add(self, hit: Hit, at_us: int) -> None:
        """See `Meter.add`; what is refused never raises the level above the brim."""
        level = self._level_at(hit, at_us)
        self._at = self._now(hit, at_us)
        self._level = min(level + hit.cost, float(max(hit.burst, hit.cost)))

    def wait_us(self, hit: Hit, at_us: int) -> int:
        """See `Meter.wait_us`."""
        if hit.cost > hit.burst:
            return hit.window_us
        if self.room(hit, at_us) >= hit.cost:
            return 0
        over = self._level + hit.cost - hit.burst
        passed_us = math.ceil(over * hit.window_us / hit.limit)
        while passed_us > 0 and self._fits(hit, passed_us - 1):
            passed_us -= 1
        while not self._fits(hit, passed_us):
            passed_us += 1
        return self._at + passed_us - at_us

    def _fits(self, hit: Hit, passed_us: int) -> bool:
        return math.floor(hit.burst - _drained(self._level, hit, passed_us)) >= hit.cost

    def _level_at(self, hit: Hit, at_us: int) -> float:
        return _drained(self._level, hit, self._now(hit, at_us) - self._at)

    def _now(self, hit: Hit, at_us: int) -> int:
        """The time that counts: held where the clock went back a little."""
        return self._at if 0 < self._at - at_us <= hit.window_us else at_us


def _drained(level: float, hit: Hit, passed_us: int) -> float:
    """What is left of a level; nothing where the clock was set back by more than a window."""
    if passed_us < 0:
        return 0.0
    return max(0.0, level - float(passed_us) * hit.limit / hit.window_us)


class CalendarMeter:
    """Hits of one period of the calendar. The key names the period, so nothing ever leaves."""

    __slots__ = ("_count", "pending")

    def __init__(self) -> None:
        self._count = 0
        self.pending = 0

    def room(self, hit: Hit, at_us: int) -> int:
        """See `Meter.room`."""
        return hit.limit - self._count

    def add(self, hit: Hit, at_us: int) -> None:
        """See `Meter.add`."""
        self._count += hit.cost

    def wait_us(self, hit: Hit, at_us: int) -> int:
        """Until the period is over."""
        if hit.cost <= hit.limit - self._count:
            return 0
        return max(1, hit.ends_us - at_us)
