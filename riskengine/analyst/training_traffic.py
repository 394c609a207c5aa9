"""Lets the funnel see a stream of traffic, and keeps what behaviour learned from each request."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from riskengine.analyst.traffic import Logged, LoggedRequest
from riskengine.clock import ManualClock
from riskengine.decision import Decision, Verdict
from riskengine.engine import Engine
from riskengine.inspection import Inspection
from riskengine.outcome import Outcome
from riskengine.records.lines import Label, RequestLine
from riskengine.ruleset.ruleset import Ruleset
from riskengine.store.memory import MemoryCounters

_BATCH = 64


class Sight(NamedTuple):
    """A request as behaviour saw it."""

    client: str
    """Key of its profile."""
    label: Label | None
    features: Sequence[float] | None
    """None until the client has made enough requests."""
    judged: bool
    """Whether behaviour has a say: no stage before stopped it, no allowlist holds it."""


def look_at(traffic: Iterable[Logged], ruleset: Ruleset) -> Iterator[Sight]:
    """What behaviour saw of each request of `traffic`, given in order of time.

    The rules run as they do live, on the requests' own clock and on counters in memory, so that
    rows for training are rows that serving will see. Outcomes of allowed requests are fed back.
    """
    logged = (entry for entry in traffic if isinstance(entry, LoggedRequest))
    watcher = _Watcher()
    clock = ManualClock()
    numbers = itertools.count()
    with asyncio.Runner() as runner:
        engine = Engine(
            ruleset,
            counters=MemoryCounters(clock),
            clock=clock,
            believe_received_at=True,
            records=[watcher],
            decision_ids=lambda: str(next(numbers)),
        )
        while batch := list(itertools.islice(logged, _BATCH)):
            clock.set(batch[-1].at)
            decisions = runner.run(_decide(engine, batch))
            _feed_back(engine, batch, decisions)
            yield from watcher.sights(batch)
        runner.run(engine.close())


def simulated(lines: Iterable[RequestLine]) -> Iterator[LoggedRequest]:
    """Lines of the simulator as a log would give them."""
    for number, line in enumerate(lines, 1):
        at = line.received_at.timestamp()
        yield LoggedRequest(at, number, line.to_request(), line.label, line.outcome)


class _Watcher:
    """Keeps the inspections of the batch decided last."""

    def __init__(self) -> None:
        self._inspections: Sequence[Inspection] = ()

    def record(
        self, inspections: Sequence[Inspection], decisions: Sequence[Decision], latency_s: float
    ) -> None:
        self._inspections = inspections

    def record_outcomes(self, outcomes: Sequence[Outcome], at: float) -> None:
        """Profiles have learned from them already."""

    def record_reload(self, succeeded: bool) -> None:
        """Nothing is reloaded here."""

    def record_failure(self, stage: str) -> None:
        raise AssertionError(f"stage {stage} failed while training")

    def close(self) -> None:
        """Nothing is held."""

    def sights(self, batch: Sequence[LoggedRequest]) -> Iterator[Sight]:
        for logged, seen in zip(batch, self._inspections, strict=True):
            judged = seen.decided_by is None and seen.allowlisted_by is None
            yield Sight(seen.profile_key, logged.label, seen.features, judged)


async def _decide(engine: Engine, batch: Sequence[LoggedRequest]) -> list[Decision]:
    decisions = await engine.evaluate([logged.request for logged in batch])
    await asyncio.sleep(0)  # records are told after the answer, in the next turn of the loop
    return decisions


def _feed_back(
    engine: Engine, batch: Sequence[LoggedRequest], decisions: Sequence[Decision]
) -> None:
    for logged, decision in zip(batch, decisions, strict=True):
        if logged.outcome is not None and decision.verdict is Verdict.ALLOW:
            engine.report_outcomes(
                [Outcome(decision.decision_id, logged.outcome.status)], at=logged.at
            )
