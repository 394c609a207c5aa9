"""Runs traffic that is known to be good, and tells what the rules would have stopped."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from riskengine.analyst.log_readers import LogReader
from riskengine.analyst.traffic import LoggedRequest
from riskengine.behavior.model import Model
from riskengine.clock import ManualClock
from riskengine.decision import Decision, Verdict
from riskengine.engine import Engine
from riskengine.errors import InputError
from riskengine.outcome import Outcome
from riskengine.ruleset.ruleset import Ruleset
from riskengine.store.memory import MemoryCounters

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Stopped:
    """A good request that the rules stop."""

    line: int
    request: str
    """Its id where it has one, method, path and client."""
    verdict: str
    rule: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class GoodTraffic:
    """What the rules do to known-good traffic."""

    path: Path
    requests: int
    stopped: tuple[Stopped, ...]


def run_known_good(ruleset: Ruleset, model: Model | None, path: Path) -> GoodTraffic:
    """Decide the requests of a traffic file on their own clock, with their outcomes fed back.

    Raises InputError when the file cannot be read or a line of it is malformed.
    """
    return asyncio.run(_run(ruleset, model, path))


async def _run(ruleset: Ruleset, model: Model | None, path: Path) -> GoodTraffic:
    clock = ManualClock()
    numbers = itertools.count()
    engine = Engine(
        ruleset,
        model=model,
        counters=MemoryCounters(clock),
        clock=clock,
        believe_received_at=True,
        decision_ids=lambda: str(next(numbers)),
    )
    requests = 0
    stopped: list[Stopped] = []
    for batch in _batches(LogReader(path)):
        requests += len(batch)
        clock.set(batch[-1].at)
        decisions = await engine.evaluate([logged.request for logged in batch])
        _report_outcomes(engine, batch, decisions)
        stopped += _stopped(batch, decisions)
    await engine.close()
    return GoodTraffic(path, requests, tuple(stopped))


def _batches(reader: LogReader) -> Iterator[list[LoggedRequest]]:
    logged = (entry for entry in reader if isinstance(entry, LoggedRequest))
    while batch := list(itertools.islice(logged, _BATCH)):
        yield batch
    if reader.malformed:
        first = reader.malformed[0]
        raise InputError(f"{first.file}:{first.line}: {first.reason}")


def _report_outcomes(
    engine: Engine, batch: Sequence[LoggedRequest], decisions: Sequence[Decision]
) -> None:
    for logged, decision in zip(batch, decisions, strict=True):
        if logged.outcome is not None and decision.verdict is Verdict.ALLOW:
            outcome = Outcome(decision.decision_id, logged.outcome.status, logged.outcome.bytes)
            engine.report_outcomes([outcome], at=logged.at)


def _stopped(batch: Sequence[LoggedRequest], decisions: Sequence[Decision]) -> Iterator[Stopped]:
    for logged, decision in zip(batch, decisions, strict=True):
        if decision.verdict is not Verdict.ALLOW:
            request = logged.request
            named = f"{request.request_id}: " if request.request_id else ""
            detail = next(h.detail for h in decision.hits if h.rule_id == decision.rule_id)
            yield Stopped(
                line=logged.line,
                request=f"{named}{request.method} {request.path} from {request.address.text}",
                verdict=decision.verdict.word,
                rule=decision.rule_id,
                reason=decision.reason,
                detail=detail,
            )
