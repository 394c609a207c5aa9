"""Counters in memory that know how often they were asked, and can be taken away."""

from collections.abc import Sequence

from riskengine.clock import Clock
from riskengine.errors import StoreError
from riskengine.store.counters import Hit, Tally
from riskengine.store.memory import MemoryCounters


class CountingCounters(MemoryCounters):
    """A store of this process; `calls` are its round trips."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.calls = 0
        self.away = False

    def forget(self) -> None:
        """Lose all counts, as a server that was killed."""
        self._meters.clear()

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        self.calls += 1
        if self.away:
            raise StoreError("away")
        return await super().hit(requests, at_us=at_us, budget_s=budget_s)
