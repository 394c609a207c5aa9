"""How long calls waited lately, and whether that is a queue that stands or one that passes.

A queue that empties now and then evens out arrivals, however long some calls wait in it; one that
hardly anybody finds empty is too much work. The idea is that of CoDel (RFC 8289, section 3), whose
minimum alone says too little here: calls that give up keep even a bad queue short.
"""

from collections import deque

_MOST = 512
_AT_ONCE = 0.1
"""While so large a share of calls finds no queue, it passes."""


class RecentWaits:
    """Waits of calls as their turn comes."""

    def __init__(self) -> None:
        self._waits: deque[tuple[float, float]] = deque(maxlen=_MOST)

    def note(self, now: float, wait_s: float) -> None:
        """The turn of a call came at `now` (seconds, never going back); 0 is: at once."""
        self._waits.append((now, wait_s))

    def standing_s(self, begin: float) -> float | None:
        """The median wait from `begin` on, 0 where the queue passes; None where no turn came."""
        while self._waits and self._waits[0][0] < begin:
            self._waits.popleft()
        if not self._waits:
            return None
        waits = sorted(wait_s for _, wait_s in self._waits)
        at_once = sum(wait_s == 0.0 for wait_s in waits)
        return 0.0 if at_once >= _AT_ONCE * len(waits) else waits[len(waits) // 2]
