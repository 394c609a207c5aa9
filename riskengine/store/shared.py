"""Counters at a server, with all that stands between a decision and its bad days."""

from collections.abc import Sequence

from riskengine.clock import Clock
from riskengine.store.census import Census
from riskengine.store.counters import Counters, Hit, Tally
from riskengine.store.denials import DenialCache
from riskengine.store.guarded import GuardedCounters
from riskengine.store.leased import LeasedCounters
from riskengine.store.local import LocalCounters


class SharedCounters:
    """From the decision inwards: remembered refusals, leases, the breaker, the server."""

    def __init__(self, server: Counters, clock: Clock, *, processes: int = 1) -> None:
        """`processes` is how many share the store at least; the store counts them."""
        self.local = LocalCounters(clock)
        """Counts while the store is away."""
        self.guarded = GuardedCounters(
            server, clock, make_up=self.local.tell, is_shared=lambda: self.census.processes > 1
        )
        self.denials = DenialCache(LeasedCounters(self.guarded, clock), clock)
        self.census = Census(self.guarded, at_least=processes)

    @property
    def away_s(self) -> float | None:
        """Seconds since the store was given up; None while it is asked."""
        return self.guarded.away_s

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """See `Counters.hit`."""
        self.census.begin()
        return await self.denials.hit(requests, at_us=at_us, budget_s=budget_s)

    async def close(self) -> None:
        """Leave the census and close the connections."""
        await self.census.end()
        await self.denials.close()
