"""What became of traffic, as a value: the funnel, and the scorecard where labels are known.

Independent of where decisions come from: replay and the demo both fill a tally.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from riskengine.decision import Decision, Verdict

STAGES = ("addresses", "parameters", "signatures", "rate_limits", "behavior")
"""The stages in the order of the funnel."""


class RuleRow(msgspec.Struct, frozen=True):
    """What one rule did, for one reason."""

    rule_id: str
    reason: str
    throttled: int = 0
    """Requests that this rule decided to throttle."""
    denied: int = 0
    allowed: int = 0
    """Requests that this rule let through: the allowlist."""
    observed: int = 0
    """Hits that were recorded and changed nothing."""


class StageRow(msgspec.Struct, frozen=True):
    """What one stage did."""

    stage: str
    entered: int
    """Requests that were still open before it."""
    throttled: int
    denied: int
    rules: list[RuleRow]
    """The busiest first."""

    @property
    def stopped(self) -> int:
        """Requests that this stage decided not to allow."""
        return self.throttled + self.denied


class FunnelReport(msgspec.Struct, frozen=True):
    """How many requests each stage took out. As JSON: the same report, the same bytes."""

    requests: int
    allowed: int
    throttled: int
    denied: int
    stages: list[StageRow]
    degraded: dict[str, int]
    """Decisions taken without a part, by part."""


class FunnelTally:
    """Adds decisions up to a FunnelReport."""

    def __init__(self) -> None:
        self._verdicts: Counter[Verdict] = Counter()
        self._decided: Counter[tuple[str, str, str, Verdict]] = Counter()
        self._observed: Counter[tuple[str, str, str]] = Counter()
        self._degraded: Counter[str] = Counter()

    def add(self, decision: Decision) -> None:
        """Count one decision."""
        self._verdicts[decision.verdict] += 1
        if decision.stage:
            key = (decision.stage, decision.rule_id, decision.reason, decision.verdict)
            self._decided[key] += 1
        for hit in decision.hits:
            if hit.observed:
                self._observed[hit.stage, hit.rule_id, hit.reason] += 1
        self._degraded.update(decision.degraded)

    def report(self) -> FunnelReport:
        """The sums so far."""
        entered = self._verdicts.total()
        stages = []
        for stage in self._stages():
            row = self._stage(stage, entered)
            stages.append(row)
            entered -= row.stopped
        return FunnelReport(
            requests=self._verdicts.total(),
            allowed=self._verdicts[Verdict.ALLOW],
            throttled=self._verdicts[Verdict.THROTTLE],
            denied=self._verdicts[Verdict.DENY],
            stages=stages,
            degraded=dict(sorted(self._degraded.items())),
        )

    def _stages(self) -> list[str]:
        """The known stages in order, then any other that decided something."""
        seen = {key[0] for key in self._decided} | {key[0] for key in self._observed}
        return [*STAGES, *sorted(seen.difference(STAGES))]

    def _stage(self, stage: str, entered: int) -> StageRow:
        names = {key[:3] for key in self._decided} | set(self._observed)
        rows = [self._rule(*name) for name in names if name[0] == stage]
        rows.sort(key=_busiest_first)
        return StageRow(
            stage,
            entered,
            sum(row.throttled for row in rows),
            sum(row.denied for row in rows),
            rows,
        )

    def _rule(self, stage: str, rule_id: str, reason: str) -> RuleRow:
        def decided(verdict: Verdict) -> int:
            return self._decided[stage, rule_id, reason, verdict]

        return RuleRow(
            rule_id,
            reason,
            throttled=decided(Verdict.THROTTLE),
            denied=decided(Verdict.DENY),
            allowed=decided(Verdict.ALLOW),
            observed=self._observed[stage, rule_id, reason],
        )


def _busiest_first(row: RuleRow) -> tuple[int, int, int, str, str]:
    stopped = row.throttled + row.denied
    return -stopped, -row.observed, -row.allowed, row.rule_id, row.reason


def sum_of(decisions: Iterable[Decision]) -> FunnelReport:
    """The report of decisions that are all at hand."""
    tally = FunnelTally()
    for decision in decisions:
        tally.add(decision)
    return tally.report()
