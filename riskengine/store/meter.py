"""What counts the hits of one key in memory: one small class for each algorithm.

The script in `lua/` is the same arithmetic in the store; both work on whole microseconds and on
IEEE doubles in the same order, so that they agree hit by hit.
"""

from typing import Protocol

from riskengine.store.counters import Algorithm, Hit
from riskengine.store.log_meters import ConcurrencyMeter, ExactMeter
from riskengine.store.plain_meters import ApproxMeter, CalendarMeter, PaceMeter
from riskengine.store.window import Window


class Meter(Protocol):
    """Hits of one key. Looking changes nothing, so that refused requests leave no trace."""

    pending: int
    """Hits of a request that is being decided; the caller's to set."""

    def room(self, hit: Hit, at_us: int) -> int:
        """Hits left at `at_us`, what is pending not taken off; below 0 after count_denied."""
        ...

    def add(self, hit: Hit, at_us: int) -> None:
        """Count the hit, whether it fits or not."""
        ...

    def wait_us(self, hit: Hit, at_us: int) -> int:
        """Microseconds from `at_us` until the hit fits; 0 when it does now.

        A cost above the limit never fits; it is told to wait for a whole window.
        """
        ...


def meter_for(hit: Hit) -> Meter:
    """An empty meter for the hit's key."""
    match hit.algorithm:
        case Algorithm.STRICT:
            return Window(hit.window_us)
        case Algorithm.EXACT:
            return ExactMeter()
        case Algorithm.APPROX:
            return ApproxMeter()
        case Algorithm.PACE:
            return PaceMeter()
        case Algorithm.CALENDAR:
            return CalendarMeter()
        case Algorithm.CONCURRENCY:
            return ConcurrencyMeter()
