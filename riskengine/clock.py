"""The one place that asks the machine for the time."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the process gets its time from; an argument wherever time matters."""

    def now(self) -> float:
        """Seconds since the epoch, for people and for windows."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back, for deadlines and latencies."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()  # noqa: TID251 - the one place

    def monotonic(self) -> float:
        """Seconds since some moment; the clock that asyncio's loop uses."""
        return time.monotonic()


def cpu_seconds() -> float:
    """CPU time that all threads of this process have used."""
    return time.process_time()


class ManualClock:
    """A clock that moves only when told to: tests, replay, simulation."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        """Seconds since the epoch, as last set."""
        return self._now

    def monotonic(self) -> float:
        """The same reading: virtual time does not jump by itself."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._now += seconds

    def set(self, now: float) -> None:
        """Jump to `now`, seconds since the epoch."""
        self._now = now
