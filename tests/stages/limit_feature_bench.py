"""A stage of rate limits over memory that remembers its keys, on a clock that tests move."""

from typing import Any

from riskengine.clock import ManualClock
from riskengine.inspection import Batch, Inspection
from riskengine.request import Request
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.routes import Route, RouteTable
from riskengine.stages.rate_limits import RateLimitsStage
from riskengine.store.counters import Hit
from riskengine.store.memory import MemoryCounters

ROUTES = RouteTable(
    [
        Route(id="search", path="/search", points=5),
        Route(id="page", path="/page"),
    ]
)
NOON = 1_795_518_000.0  # 2026-11-24 12:00 in Berlin
DAY_S = 86_400


class Recording(MemoryCounters):
    """Remembers the keys that were counted."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.hits: list[Hit] = []

    async def hit(self, requests: Any, **more: Any) -> Any:
        self.hits += [hit for hits in requests for hit in hits]
        return await super().hit(requests, **more)


class Bench:
    """A stage over memory, on a clock that the test moves."""

    def __init__(self, *limits: dict[str, Any], at: float = NOON, **more: Any) -> None:
        self.clock = ManualClock(at)
        self.counters = Recording(self.clock)
        self._more = more
        self.load(*limits)

    def load(self, *limits: dict[str, Any]) -> None:
        """As a reload does: new rules over the counters that there are."""
        rules = LimitsFile.model_validate({"limits": list(limits)})
        self.stage = RateLimitsStage(rules, self.counters, clock=self.clock, **self._more)

    async def run(self, *requests: Request) -> list[Inspection]:
        now = self.clock.now()
        batch = Batch.of(requests, ROUTES, now=now, deadline=self.clock.monotonic() + 1)
        await self.stage.inspect(batch)
        batch.settle()
        return batch.every

    async def verdicts(self, *requests: Request) -> str:
        """A letter for each request: a, t or d."""
        return "".join([(await self.run(one))[0].verdict.word[0] for one in requests])
