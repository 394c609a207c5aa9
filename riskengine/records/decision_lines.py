"""The lines of the decision log: what was decided about a request, and what became of it.

docs/log-format.md describes them field by field.
"""

from typing import Literal

import msgspec

from riskengine.decision import Decision, LimitState, RuleHit, Verdict
from riskengine.records.lines import Moment, RequestLine

VerdictWord = Literal["allow", "throttle", "deny"]


class HitLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A rule that fired, as it stands in the log."""

    stage: str
    rule_id: str
    verdict: VerdictWord
    reason: str
    detail: str = ""
    observed: bool = False
    retry_after_s: float | None = None

    def to_hit(self) -> RuleHit:
        """The hit as the funnel knows it."""
        return RuleHit(
            self.stage,
            self.rule_id,
            Verdict[self.verdict.upper()],
            self.reason,
            self.detail,
            self.observed,
            self.retry_after_s,
        )


class DecisionBody(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A decision, as it stands in the log."""

    decision_id: str
    verdict: VerdictWord
    stage: str = ""
    rule_id: str = ""
    reason: str = "ok"
    retry_after_s: float | None = None
    anomaly_score: float | None = None
    hits: list[HitLine] = []
    limits: tuple[LimitState, ...] = ()
    ruleset_revision: str = ""
    model_version: str = ""
    degraded: tuple[str, ...] = ()

    @classmethod
    def of(cls, decision: Decision, hits: list[HitLine]) -> "DecisionBody":
        """The loggable form of `decision`; its hits come redacted from the caller."""
        return cls(  # by position, which takes half as long as by name
            decision.decision_id,
            _WORDS[decision.verdict],
            decision.stage,
            decision.rule_id,
            decision.reason,
            decision.retry_after_s,
            decision.anomaly_score,
            hits,
            decision.limits,
            decision.ruleset_revision,
            decision.model_version,
            decision.degraded,
        )


class DecisionLine(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    gc=False,
    tag_field="type",
    tag="decision",
):
    """One decision: what was asked, what was answered, and what behaviour saw."""

    at: Moment
    """The time the decision ran on: windows and profiles used it."""
    request: RequestLine
    decision: DecisionBody
    profile: str = ""
    """Key of the client's profile."""
    features: list[float | None] | None = None
    """Behaviour features in the order of `features_version`; `null` within means missing."""
    features_version: str = ""
    identifiers_hashed: bool = False
    """Whether addresses and ids are pseudonyms; replay carries over what the lists said then."""


class OutcomeReport(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    tag_field="type",
    tag="outcome",
):
    """What became of an allowed request, reported after its decision."""

    at: Moment
    decision_id: str
    status: int
    bytes: int = 0
    latency_ms: float | None = None


def hit_line(hit: RuleHit, detail: str) -> HitLine:
    """The loggable form of `hit`, with `detail` in place of its own."""
    return HitLine(
        hit.stage,
        hit.rule_id,
        _WORDS[hit.verdict],
        hit.reason,
        detail,
        hit.observed,
        hit.retry_after_s,
    )


# A dict look-up: the property `Verdict.word` costs three times as much, once a decision.
_WORDS: dict[Verdict, VerdictWord] = {
    Verdict.ALLOW: "allow",
    Verdict.THROTTLE: "throttle",
    Verdict.DENY: "deny",
}
