"""What the parameters stage can find, and how it shows what it found."""

from typing import NamedTuple

from riskengine import normalize, query
from riskengine.decision import RuleHit, Verdict

REASONS = (
    *(f"path.{oddity}" for oddity in normalize.ODDITIES),
    "path.forbidden",
    *(f"query.{oddity}" for oddity in query.ODDITIES),
    "header.conflicting_length",
    "header.control_character",
    "header.duplicate_host",
    "header.missing_host",
    "method.not_allowed",
    "size.path",
    "size.query",
    "size.header",
    "size.headers",
    "size.body",
    "parameter.count",
    "parameter.missing",
    "parameter.repeated",
    "parameter.unknown",
    "parameter.type",
    "parameter.range",
    "parameter.length",
    "parameter.enum",
    "parameter.pattern",
    "body.content_type",
    "body.incomplete",
    "body.malformed",
    "body.too_deep",
)
"""Every reason code of the stage; docs/parameters.md explains each."""

_SHOWN_MAX = 80


class Finding(NamedTuple):
    """One fault of a request, before it is known what its rule makes of it."""

    reason: str
    detail: str
    observed: bool = False
    """True when it is only to be recorded, whatever the rule's mode."""


class Source(NamedTuple):
    """The rule that findings are reported under."""

    rule_id: str
    verdict: Verdict
    observed: bool

    def hit(self, finding: Finding) -> RuleHit:
        """The finding as a hit of this rule."""
        return RuleHit(
            stage="parameters",
            rule_id=self.rule_id,
            verdict=self.verdict,
            reason=finding.reason,
            detail=finding.detail,
            observed=self.observed or finding.observed,
        )


def shown(value: object) -> str:
    """`value` for a detail: quoted, everything unprintable escaped, 80 characters at most."""
    if not isinstance(value, str):
        value = str(value)[: _SHOWN_MAX + 1] if isinstance(value, int | float) else _kind(value)
        return value[:_SHOWN_MAX]
    text = repr(value[:_SHOWN_MAX])
    return text if len(text) <= _SHOWN_MAX and len(value) <= _SHOWN_MAX else text[:77] + "..."


def _kind(value: object) -> str:
    """What a JSON value is, where showing all of it would be too much."""
    kinds = {list: "an array", dict: "an object", type(None): "null"}
    return kinds.get(type(value), type(value).__name__)
