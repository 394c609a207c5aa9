"""Decides logged traffic again: on a virtual clock, in order, with the same result every time."""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import msgspec

from riskengine.analyst.carrying import CarryOver
from riskengine.analyst.difference import Difference, DifferenceTally, Judged
from riskengine.analyst.log_readers import LogReader
from riskengine.analyst.report import FunnelReport, FunnelTally
from riskengine.analyst.scorecard import Scorecard, ScoreTally
from riskengine.analyst.traffic import LineCounts, LoggedOutcome, LoggedRequest, Malformed
from riskengine.behavior.profile import profile_key
from riskengine.clock import ManualClock
from riskengine.decision import Decision, Verdict
from riskengine.engine import Engine, Loaded
from riskengine.outcome import Outcome
from riskengine.records.recording import Records
from riskengine.store.memory import MemoryCounters

BATCH = 64
"""Requests decided together. Their outcomes are learned after them, as in live traffic."""

_REMEMBERED = 65_536


class Side(msgspec.Struct, frozen=True):
    """What one ruleset and model make of the traffic."""

    ruleset_revision: str
    model_version: str
    funnel: FunnelReport
    scorecard: Scorecard | None
    carried_over: dict[str, int]
    """Requests by stage whose recorded result was taken, because the log withholds its input."""
    not_recorded: dict[str, int]
    """Requests by stage that neither could be judged now nor had been judged then."""
    since_recorded: Difference | None
    """What changed against the decisions in the log itself."""


class ReplayReport(msgspec.Struct, frozen=True):
    """The result of a replay; `to_json` gives the same bytes for the same input."""

    format: str
    lines: LineCounts
    malformed: list[Malformed]
    """The first of them."""
    first_at: float | None
    """Seconds since the epoch of the first request."""
    last_at: float | None
    result: Side
    against: Side | None
    difference: Difference | None
    """From `result` to `against`."""

    def to_json(self) -> bytes:
        """Indented JSON with a newline at its end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


async def replay(
    reader: LogReader,
    loaded: Loaded,
    *,
    against: Loaded | None = None,
    keep_examples: int = 10,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ReplayReport:
    """Decide everything in `reader` with `loaded` and, side by side, with `against`.

    `on_progress` is told the reader's position in bytes after every batch.
    """
    run = Run(loaded, keep_examples)
    other = None if against is None else Run(against, keep_examples)
    difference = DifferenceTally(keep_examples=keep_examples)
    first_at = last_at = None
    for requests, outcomes in _batches(iter(reader)):
        decisions = await run.decide(requests, outcomes)
        if other is not None:
            others = await other.decide(requests, outcomes)
            for entry, before, after in zip(requests, decisions, others, strict=True):
                difference.add(entry, Judged.of(before), Judged.of(after))
        if requests:
            first_at = requests[0].at if first_at is None else first_at
            last_at = requests[-1].at
        on_progress(reader.position)
    return ReplayReport(
        format=reader.format,
        lines=reader.counts,
        malformed=reader.malformed,
        first_at=first_at,
        last_at=last_at,
        result=run.side(),
        against=None if other is None else other.side(),
        difference=None if other is None else difference.difference(),
    )


class Run:
    """One engine on a virtual clock and in-memory counters, and the sums of what it decides."""

    def __init__(
        self, loaded: Loaded, keep_examples: int = 10, *, records: Sequence[Records] = ()
    ) -> None:
        self._loaded = loaded
        self._clock = ManualClock(0.0)
        self._carry = CarryOver()
        self._engine = Engine(
            loaded.ruleset,
            model=loaded.model,
            counters=MemoryCounters(self._clock),
            clock=self._clock,
            believe_received_at=True,
            records=records,
            decision_ids=map("replay-{:x}".format, itertools.count(1)).__next__,
            around_stage=self._carry.around,
        )
        self._funnel = FunnelTally()
        self._scores = ScoreTally()
        self._since = DifferenceTally(keep_examples=keep_examples)
        self._recorded = False
        self._replayed_ids: OrderedDict[str, str] = OrderedDict()

    async def decide(
        self, entries: Sequence[LoggedRequest], outcomes: Sequence[LoggedOutcome] = ()
    ) -> list[Decision]:
        """Decide a batch, then learn what became of its requests and of earlier ones."""
        if not entries:
            self._learn([], outcomes)
            return []
        self._clock.set(entries[0].at)
        self._carry.expect(entries)
        decisions = await self._engine.evaluate([entry.request for entry in entries])
        for entry, decision in zip(entries, decisions, strict=True):
            self._count(entry, decision)
        self._clock.set(entries[-1].at)
        self._learn(zip(entries, decisions, strict=True), outcomes)
        return decisions

    def side(self) -> Side:
        """What has been decided so far."""
        model = self._loaded.model
        return Side(
            ruleset_revision=self._loaded.ruleset.revision,
            model_version="" if model is None else model.version,
            funnel=self._funnel.report(),
            scorecard=self._scores.scorecard(),
            carried_over=dict(sorted(self._carry.carried.items())),
            not_recorded=dict(sorted(self._carry.missing.items())),
            since_recorded=self._since.difference() if self._recorded else None,
        )

    def _count(self, entry: LoggedRequest, decision: Decision) -> None:
        self._funnel.add(decision)
        if entry.label is not None:
            self._scores.add(entry.label, profile_key(entry.request), decision.verdict)
        if entry.recorded is not None:
            self._recorded = True
            self._since.add(entry, Judged.of(entry.recorded), Judged.of(decision))

    def _learn(
        self,
        decided: Iterator[tuple[LoggedRequest, Decision]] | list[tuple[LoggedRequest, Decision]],
        outcomes: Sequence[LoggedOutcome],
    ) -> None:
        """Only what is allowed now has an outcome: a stopped request would never have had one."""
        known = []
        for entry, decision in decided:
            if decision.verdict is not Verdict.ALLOW:
                continue
            if entry.recorded is not None:
                self._remember(entry.recorded.decision_id, decision.decision_id)
            if entry.outcome is not None:
                seen = entry.outcome
                known.append(Outcome(decision.decision_id, seen.status, seen.bytes))
        for reported in outcomes:
            decision_id = self._replayed_ids.pop(reported.decision_id, None)
            if decision_id is not None:
                seen = reported.outcome
                known.append(Outcome(decision_id, seen.status, seen.bytes))
        if known:
            self._engine.report_outcomes(known)

    def _remember(self, recorded_id: str, replayed_id: str) -> None:
        self._replayed_ids[recorded_id] = replayed_id
        if len(self._replayed_ids) > _REMEMBERED:
            self._replayed_ids.popitem(last=False)


def _batches(
    entries: Iterator[LoggedRequest | LoggedOutcome],
) -> Iterator[tuple[list[LoggedRequest], list[LoggedOutcome]]]:
    """Up to BATCH requests with the outcomes that stand among them."""
    requests: list[LoggedRequest] = []
    outcomes: list[LoggedOutcome] = []
    for entry in entries:
        if isinstance(entry, LoggedRequest):
            requests.append(entry)
        else:
            outcomes.append(entry)
        if len(requests) == BATCH or len(outcomes) == _OUTCOMES_MAX:
            yield requests, outcomes
            requests, outcomes = [], []
    if requests or outcomes:
        yield requests, outcomes


_OUTCOMES_MAX = 1_024
