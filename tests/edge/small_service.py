"""A service small enough to be steered by tests: the real batcher and funnel around one stage.

Paths decide: `/denied` is denied, `/slow` takes a while, `/broken` fails where no stage should.
"""

import asyncio
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from riskengine.batcher import Batcher, Requests, Work
from riskengine.clock import SystemClock
from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.edge.native_methods import native_methods
from riskengine.edge.worker import Service
from riskengine.errors import RiskEngineError, RulesetError, SettingsError
from riskengine.funnel import Funnel
from riskengine.inspection import Batch
from riskengine.outcome import Outcome
from riskengine.ruleset.routes import RouteTable
from riskengine.settings import Settings

SLOW_S = 0.4
DENIED = RuleHit("small", "denied-path", Verdict.DENY, "small.denied", "path /denied")


class PathStage:
    name = "small"
    dispensable = False

    async def inspect(self, batch: Batch) -> None:
        for inspection in batch.open:
            path = inspection.request.path
            if path == "/denied":
                inspection.hits.append(DENIED)
            elif path == "/slow":
                await asyncio.sleep(SLOW_S)
            elif path == "/broken":
                raise ZeroDivisionError("secret detail")


class SmallEngine:
    """Its ruleset is the text of one file: `broken` does not load, anything else is a revision."""

    def __init__(self, rules: Path) -> None:
        self._rules = rules / "small.yaml"
        self._revision = self._read()
        self._clock = SystemClock()
        self._funnel = Funnel([PathStage()])
        self._batcher = Batcher(self._decide, clock=self._clock)
        self._numbers = count(1)
        self.reload_failure: RiskEngineError | None = None
        self.asked = 0
        self.arrivals = asyncio.Semaphore(0)
        self.closed = False
        self.refusal: RiskEngineError | None = None
        """What to refuse the next evaluation with, as a full or late engine would."""

    async def evaluate(
        self, requests: Requests, *, budget_s: float | None = None
    ) -> list[Decision]:
        assert budget_s is not None
        self.asked += len(requests)
        self.arrivals.release()
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal
        return await self._batcher.submit(requests, self._clock.monotonic() + budget_s)

    def report_outcomes(self, outcomes: Sequence[Outcome]) -> int:
        return sum(outcome.decision_id.startswith("d-") for outcome in outcomes)

    async def reload(self) -> None:
        try:
            self._revision = self._read()
        except RulesetError as error:
            self.reload_failure = error
            raise
        self.reload_failure = None

    async def close(self) -> None:
        await self._batcher.drain()
        self.closed = True

    def exposition(self) -> bytes:
        return (
            "# HELP small_requests_total Requests.\n# TYPE small_requests_total counter\n"
            f"small_requests_total {self.asked}\n"
        ).encode()

    async def _decide(self, work: Work) -> list[Decision]:
        batch = Batch.of(
            work.requests, RouteTable([]), now=self._clock.now(), deadline=work.deadline
        )
        await self._funnel.run(batch)
        return [
            Decision(
                decision_id=f"d-{next(self._numbers)}",
                request_id=inspection.request.request_id,
                verdict=inspection.verdict,
                reason=inspection.decided_by.reason if inspection.decided_by else "ok",
                hits=tuple(inspection.hits),
                ruleset_revision=self._revision,
            )
            for inspection in batch.every
        ]

    def _read(self) -> str:
        text = self._rules.read_text().strip() if self._rules.exists() else "empty"
        if text == "broken":
            raise RulesetError([f"{self._rules}:1: must not be broken", f"{self._rules}:2: nor so"])
        return text


def open_small_service(settings: Settings) -> Service:
    if settings.store == "redis://unusable":
        raise SettingsError("--store redis://unusable: not in tests")
    if settings.store == "redis://crash":
        raise ZeroDivisionError("dies at start")
    engine = SmallEngine(settings.rules)
    return Service(engine, native_methods(engine), engine.exposition)
