"""rules/signatures.yaml: attack signatures in SecLang, such as the OWASP Core Rule Set."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from riskengine.decision import Verdict
from riskengine.ruleset.fields import Banning, Entry, Identifier, Mode, Rule, StoppingVerdict
from riskengine.ruleset.origin_match import OriginMatch
from riskengine.ruleset.path_patterns import PathPattern

BUDGET_DEFAULT = 4_000_000
"""Bytes of looks that one request may cost; docs/signatures.md says how long they take."""

Paranoia = Annotated[int, Field(ge=1, le=4)]


class Points(Entry):
    """What a hit of each severity adds (tx.critical_anomaly_score and its like)."""

    critical: int = Field(default=5, ge=0)
    """Of severity CRITICAL."""
    error: int = Field(default=4, ge=0)
    """Of severity ERROR."""
    warning: int = Field(default=3, ge=0)
    """Of severity WARNING."""
    notice: int = Field(default=2, ge=0)
    """Of severity NOTICE."""


class RouteSignatures(Entry):
    """What is different on some routes."""

    routes: tuple[Identifier, ...] = Field(min_length=1)
    """Ids of routes of the shop's map."""
    paranoia: Paranoia | None = None
    """Paranoia level there."""
    threshold: int | None = Field(default=None, ge=1)
    """Points from which a request is stopped there."""
    points: Points | None = None
    """What hits add there."""
    mode: Mode | None = None
    """Mode there."""
    on_unread_body: Literal["observe", "stop"] | None = None
    """What becomes there of a request whose body could not be looked at as a whole."""


class SignatureSet(Banning, Rule):
    """One set of signatures and what becomes of requests that reach its threshold."""

    verdict: StoppingVerdict = Verdict.DENY
    """What becomes of a request that the set stops."""
    match: OriginMatch = OriginMatch()
    """Only requests of these origins are looked at; all where it is left out."""
    crs: str | None = None
    """Directory of an installed CRS: the one that holds `rules/`."""
    setup: str | None = None
    """Its crs-setup.conf; found by itself beside the rules or where Debian has it."""
    directory: str | None = None
    """Directory of SecLang files of your own, below the rules directory."""
    without_crs: str | None = None
    """Directory of SecLang files that serve where `crs` is not installed."""
    paranoia: Paranoia = 1
    """Paranoia level: higher finds more, and stops more that is honest."""
    threshold: int = Field(default=5, ge=1)
    """Points from which a request is stopped."""
    points: Points = Points()
    """What hits add."""
    sampling: int = Field(default=100, ge=0, le=100)
    """Percent of client addresses that are looked at."""
    variables: dict[str, str] = Field(default_factory=dict)
    """More TX variables of the set-up, such as `allowed_methods`."""
    budget: int = Field(default=BUDGET_DEFAULT, ge=10_000)
    """Bytes that one request may have looked at, each look counted."""
    on_budget: Literal["observe", "stop"] = "stop"
    """What becomes of a request that needs more than its budget."""
    on_unread_body: Literal["observe", "stop"] = "stop"
    """What becomes of a request whose body cannot be unpacked, or holds too much to be read."""
    routes: tuple[RouteSignatures, ...] = ()
    """What is different on some routes; the first entry that names a route counts."""

    @model_validator(mode="after")
    def _has_rules(self) -> Self:
        if not (self.crs or self.directory or self.without_crs):
            raise ValueError("needs rules: name crs, directory or without_crs")
        return self


class Exclusion(Entry):
    """Rules that are not run, or do not look at something."""

    description: str = Field(min_length=1)
    """Why, for whoever reads it next year."""
    rule: int | None = Field(default=None, ge=1)
    """Id of one rule."""
    tag: str | None = Field(default=None, min_length=1)
    """All rules with a tag that contains this."""
    parameter: str | None = Field(default=None, min_length=1)
    """What they do not look at, as SecLang names it: `ARGS:q`, `REQUEST_COOKIES:/^_ga/`."""
    value: str | None = Field(default=None, min_length=1, max_length=1_024)
    """They do not fire for values that are as a whole of this form, a pattern (as in `@rx`)."""
    path: PathPattern | None = None
    """Only there; everywhere when it is left out."""
    routes: tuple[Identifier, ...] = ()
    """Only on these routes."""

    @model_validator(mode="after")
    def _names_rules(self) -> Self:
        if (self.rule is None) == (self.tag is None):
            raise ValueError("must name either a rule or a tag")
        if self.value is not None and (self.parameter or self.path or self.routes):
            raise ValueError("value holds everywhere: leave out parameter, path and routes")
        return self


class SignaturesFile(Entry):
    """All of rules/signatures.yaml."""

    sets: tuple[SignatureSet, ...] = ()
    """Sets of signatures; each has its own points."""
    exclusions: tuple[Exclusion, ...] = ()
    """What is left out of all sets."""
