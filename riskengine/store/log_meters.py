"""Meters that remember every hit: exact sliding windows, and requests in flight."""

from collections import deque

from riskengine.store.counters import Hit


class ExactMeter:
    """Each hit with its time: a hit counts for exactly one window, and then no longer.

    A clock that went back is held where it was; by more than a window, the log starts afresh.
    """

    __slots__ = ("_log", "_total", "pending")

    def __init__(self) -> None:
        self._log: deque[tuple[int, int]] = deque()  # time and hits, oldest first
        self._total = 0
        self.pending = 0

    def room(self, hit: Hit, at_us: int) -> int:
        """See `Meter.room`."""
        return hit.limit - self._used(hit, at_us)

    def add(self, hit: Hit, at_us: int) -> None:
        """See `Meter.add`; keeps no more hits than it takes to be full."""
        now = self._now(hit, at_us)
        if now is None:
            self._log.clear()
            self._total, now = 0, at_us
        log = self._log
        while log and log[0][0] <= now - hit.window_us:
            self._total -= log.popleft()[1]
        if log and log[-1][0] == now:
            log[-1] = (now, log[-1][1] + hit.cost)
        else:
            log.append((now, hit.cost))
        self._total += hit.cost
        while self._total - log[0][1] >= hit.limit:
            self._total -= log.popleft()[1]

    def wait_us(self, hit: Hit, at_us: int) -> int:
        """See `Meter.wait_us`."""
        if hit.cost > hit.limit:
            return hit.window_us
        room = self.room(hit, at_us)
        if room >= hit.cost:
            return 0
        now = self._now(hit, at_us) or at_us
        for at, hits in self._log:
            if at > now - hit.window_us:
                room += hits
                if room >= hit.cost:
                    return at + hit.window_us - at_us
        return hit.window_us

    def _used(self, hit: Hit, at_us: int) -> int:
        now = self._now(hit, at_us)
        if now is None:
            return 0
        used = self._total
        for at, hits in self._log:
            if at > now - hit.window_us:
                break
            used -= hits
        return used

    def _now(self, hit: Hit, at_us: int) -> int | None:
        """The time that counts; None where the clock was set back by more than a window."""
        newest = self._log[-1][0] if self._log else at_us
        if newest - at_us > hit.window_us:
            return None
        return max(newest, at_us)


class ConcurrencyMeter:
    """Who is in flight, and since when; a place comes free when it is given back or has lapsed."""

    __slots__ = ("_since", "pending")

    def __init__(self) -> None:
        self._since: dict[bytes, int] = {}
        self.pending = 0

    def room(self, hit: Hit, at_us: int) -> int:
        """Free places."""
        return hit.limit - sum(_holds(since, hit, at_us) for since in self._since.values())

    def holds(self, hit: Hit, at_us: int) -> bool:
        """Whether the hit's token has a place already."""
        since = self._since.get(hit.token)
        return since is not None and _holds(since, hit, at_us)

    def add(self, hit: Hit, at_us: int) -> None:
        """Take a place, keep it for longer, or (cost 0) give it back."""
        held = {
            token: since
            for token, since in self._since.items()
            if token != hit.token and _holds(since, hit, at_us)
        }
        if hit.cost:
            held[hit.token] = at_us
        self._since = held

    def wait_us(self, hit: Hit, at_us: int) -> int:
        """Until enough of those in flight have lapsed, if none of them ends sooner."""
        since = sorted(s for s in self._since.values() if _holds(s, hit, at_us))
        over = len(since) + hit.cost - hit.limit
        return 0 if over <= 0 else since[over - 1] + hit.window_us - at_us


def _holds(since: int, hit: Hit, at_us: int) -> bool:
    """A place lapses with its lease, and where the clock was set back by more than that."""
    return -hit.window_us <= at_us - since < hit.window_us
