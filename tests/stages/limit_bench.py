"""A stage of rate limits with everything it needs, on a clock that stands still."""

from typing import Any

from riskengine.clock import ManualClock
from riskengine.decision import RuleHit, Verdict
from riskengine.inspection import Batch, Inspection
from riskengine.request import Request, make_request
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.routes import Route, RouteTable
from riskengine.stages.rate_limits import RateLimitsStage
from riskengine.store.counters import Counters
from riskengine.store.memory import MemoryCounters

ROUTES = RouteTable(
    [
        Route(id="login", methods=("POST",), path="/login"),
        Route(id="product", path="/products/{id}"),
        Route(id="stock", path="/api/stock", kind="api"),
    ]
)
ALLOWLISTED = RuleHit("addresses", "friends", Verdict.ALLOW, "address.allowlisted")
SAME, APART = [False, True], [False, False]


def limit(**fields: Any) -> dict[str, Any]:
    return {"id": "lim", "description": "x", "key": ["ip"], "limit": 2, "window": "1m", **fields}


def request(client_ip: str = "203.0.113.7", path: str = "/", **fields: Any) -> Request:
    return make_request(client_ip=client_ip, path=path, **{"method": "GET", **fields})


class Bench:
    """A stage with everything it needs, on a clock that stands still."""

    def __init__(
        self, *limits: dict[str, Any], counters: Counters | None = None, **more: Any
    ) -> None:
        self.clock = ManualClock()
        self.counters = counters or MemoryCounters(self.clock)
        rules = LimitsFile.model_validate({"limits": list(limits)})
        self.stage = RateLimitsStage(rules, self.counters, clock=self.clock, **more)

    async def run(self, *requests: Request, allowlisted: bool = False) -> list[Inspection]:
        batch = Batch.of(
            requests,
            ROUTES,
            now=self.clock.now(),
            deadline=self.clock.monotonic() + 1,
            believe_received_at=True,
        )
        if allowlisted:
            for inspection in batch.every:
                inspection.allowlisted_by = ALLOWLISTED
        await self.stage.inspect(batch)
        batch.settle()
        return batch.every

    async def stops(self, *requests: Request) -> list[bool]:
        """Whether each of the requests, asked one after the other, was stopped."""
        return [(await self.run(one))[0].verdict is not Verdict.ALLOW for one in requests]
