"""Whether this process has much to do: then it pays to do things together."""

from collections.abc import Callable

from riskengine.clock import Clock, cpu_seconds

_LOOK_EVERY_S = 0.05
_BUSY_FROM = 0.6
"""Share of one core. Below it, nobody should wait to save CPU time that nobody else needs."""


class Busyness:
    """Watches how much CPU time the process uses of the time that passes."""

    def __init__(self, clock: Clock, *, cpu_s: Callable[[], float] = cpu_seconds) -> None:
        self._clock = clock
        self._cpu_s = cpu_s
        self._looked_at, self._used_s = clock.monotonic(), cpu_s()
        self._busy = False

    def is_busy(self) -> bool:
        """Whether more than 60 % of a core was in use lately, judged every 50 ms."""
        now = self._clock.monotonic()
        passed_s = now - self._looked_at
        if passed_s >= _LOOK_EVERY_S:
            used_s = self._cpu_s()
            self._busy = used_s - self._used_s >= _BUSY_FROM * passed_s
            self._looked_at, self._used_s = now, used_s
        return self._busy
