"""What the engine answers, and the words it answers in."""

from enum import IntEnum

import msgspec


class Verdict(IntEnum):
    """What a gateway should do; ordered by strictness, numbered as on the wire."""

    ALLOW = 1
    THROTTLE = 2
    DENY = 3

    __hash__ = int.__hash__  # Enum's own is a Python function, and verdicts are keys everywhere

    @property
    def word(self) -> str:
        """The word of rules, logs and tables: allow, throttle, deny."""
        return self.name.lower()


class RuleHit(msgspec.Struct, frozen=True, gc=False):
    """One rule that fired."""

    stage: str
    rule_id: str
    verdict: Verdict
    """What the rule asks for."""
    reason: str
    """Stable code, such as `rate_limit.exceeded`; docs/reasons.md lists them all."""
    detail: str = ""
    """What exactly was found, cut and escaped."""
    observed: bool = False
    """True when the hit is only recorded: the rule observes, or the address is allowlisted."""
    retry_after_s: float | None = None


class LimitState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """State of one limit after this request."""

    rule_id: str
    limit: int
    remaining: int
    window_s: float
    retry_after_s: float = 0.0
    """Seconds until at least one hit is free again; 0 while hits are left."""
    observed: bool = False


class Decision(msgspec.Struct, frozen=True, gc=False):
    """A verdict and everything needed to explain it."""

    decision_id: str
    request_id: str = ""
    verdict: Verdict = Verdict.ALLOW
    stage: str = ""
    rule_id: str = ""
    reason: str = "ok"
    retry_after_s: float | None = None
    anomaly_score: float | None = None
    """0 (ordinary) to 1 (odd); None when the request was not scored, which is not the same as 0."""
    hits: tuple[RuleHit, ...] = ()
    limits: tuple[LimitState, ...] = ()
    ruleset_revision: str = ""
    model_version: str = ""
    degraded: tuple[str, ...] = ()
