"""Watches CPU and queues, and lets the level of shedding follow."""

import asyncio
import math
from collections.abc import Sequence

from riskengine.clock import Clock
from riskengine.downstream.bulkhead import Bulkhead
from riskengine.downstream.cpu import CpuSource, no_cpu
from riskengine.downstream.degradation import Degradation
from riskengine.downstream.features import Priority
from riskengine.downstream.shedding import Load, Shedding

_SMOOTH_S = 1.0
"""One moment says little: CPU and places are averaged over about a second."""


class Overload:
    """The link between what is measured and what is degraded."""

    def __init__(
        self,
        clock: Clock,
        shedding: Shedding,
        degradation: Degradation,
        *,
        cpu: CpuSource = no_cpu,
        bulkheads: Sequence[Bulkhead] = (),
    ) -> None:
        """`cpu` is off by default; pass `HostCpu(clock)` where the process has the host's load."""
        self._clock = clock
        self._shedding = shedding
        self._degradation = degradation
        self._cpu = cpu
        self._bulkheads = bulkheads
        self._looked_at = clock.monotonic()
        self.load = Load()
        """The latest reading, smoothed."""

    def look(self) -> int:
        """Read everything once, and set the level that follows; the level."""
        now = self._clock.monotonic()
        new = 1.0 - math.exp((self._looked_at - now) / _SMOOTH_S)
        self._looked_at = now
        old, seen = self.load, self._read()
        self.load = Load(
            cpu=old.cpu + new * (seen.cpu - old.cpu),
            queue_s=seen.queue_s,  # of an interval already
            busy=old.busy + new * (seen.busy - old.busy),
            returning=seen.returning,
        )
        level = self._shedding.note(self.load)
        self._degradation.set_level(level)
        return level

    async def run(self, *, every_s: float = 0.1) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(every_s)

    def _read(self) -> Load:
        """The fullest bulkhead speaks for all.

        Only those count that the next level would protect: while they do not wait, it would give up
        places that the others can use.
        """
        least = Priority(max(Priority.VITAL, Priority.IMPORTANT - self._shedding.level))
        return Load(
            cpu=self._cpu(),
            queue_s=max((walls.queue_time_s(least) for walls in self._bulkheads), default=0.0),
            busy=max((walls.busy_share for walls in self._bulkheads), default=0.0),
            returning=self._degradation.returning_share(),
        )
