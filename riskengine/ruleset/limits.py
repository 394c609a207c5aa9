"""Rate limits as analysts write them: `rules/limits.yaml`."""

from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from riskengine.decision import Verdict
from riskengine.ruleset.fields import Duration, Entry, Identifier, Rule, StoppingVerdict
from riskengine.ruleset.path_patterns import PathPattern
from riskengine.ruleset.routes import Kind, Method

LIMIT_MAX = 1_000_000_000
WINDOW_MIN_S = 0.01

PlainPart = Literal[
    "ip", "user", "session", "device", "route", "tls", "host", "method", "namespace"
]
OnStoreError = Literal["local", "open", "closed"]

_PART_PATTERN = rf"^({'|'.join(get_args(PlainPart))}|(attribute|header):[A-Za-z0-9._-]{{1,64}})$"

_PART_WORDS = f"{', '.join(get_args(PlainPart))}, attribute:NAME or header:NAME"

KeyPart = Annotated[
    str, Field(pattern=_PART_PATTERN, json_schema_extra={"patternErrorMessage": _PART_WORDS})
]
Word = Annotated[str, Field(min_length=1, max_length=256)]
Patterns = Annotated[
    tuple[Word, ...],
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    Field(min_length=1),
]
Count = Annotated[int, Field(ge=1, le=LIMIT_MAX)]


class LimitMatch(Entry):
    """Which requests a limit counts: those that fulfil every field given; all where none is."""

    methods: tuple[Method, ...] = ()
    """HTTP methods, in upper case."""
    paths: tuple[PathPattern, ...] = ()
    """Patterns of the normal path: `/login`, `/products/{id}`, `/static/**`, `/**/*.json`."""
    routes: tuple[Identifier, ...] = ()
    """Ids of routes of the shop's map."""
    kinds: tuple[Kind, ...] = ()
    """Kinds of routes: page, asset, api. A request without a route has none."""
    namespaces: tuple[Word, ...] = ()
    """Shops or environments."""
    attributes: dict[Word, str] = Field(default_factory=dict)
    """Attributes that must have exactly these values."""
    attributes_like: dict[Word, Word] = Field(default_factory=dict)
    """Attributes whose values must fit these patterns; `*` stands for any text."""
    attributes_unlike: dict[Word, Patterns] = Field(default_factory=dict)
    """Attributes that must not fit any of these patterns; `["*"]`: must be missing."""
    headers: dict[Word, str] = Field(default_factory=dict)
    """Headers that must have exactly these values; names in any case."""


class LimitRule(Rule):
    """At most `limit` hits in any trailing `window`, for each key."""

    match: LimitMatch = LimitMatch()
    """Which requests count; all where it is left out."""
    key: tuple[KeyPart, ...] = Field(min_length=1)
    """What is counted apart: ip, user, session, device, route, tls, host, method, namespace,
    attribute:NAME, header:NAME, or several of them together."""
    missing: Literal["skip", "count"] = "skip"
    """When a request lacks a part of the key: not counted, or counted as one client together."""
    limit: Count
    """Most hits in any trailing window."""
    window: Duration
    """Length of the window, such as 10s, 1m, 24h."""
    cost: Count = 1
    """Hits that one request takes."""
    algorithm: Literal["strict"] = "strict"
    """How hits are counted: strict never admits more than the limit in any trailing window."""
    verdict: StoppingVerdict = Verdict.THROTTLE
    """What happens above the limit."""
    on_store_error: OnStoreError = "local"
    """Without the store: count in each process its share, let everything pass, or stop it."""

    @property
    def window_us(self) -> int:
        """Length of the window in whole microseconds."""
        return round(self.window * 1_000_000)

    @field_validator("key")
    @classmethod
    def _key_parts_differ(cls, key: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({part for part in key if key.count(part) > 1})
        if twice:
            raise ValueError(f"must name each part once, got {', '.join(twice)} twice")
        return key

    @field_validator("window")
    @classmethod
    def _window_is_countable(cls, window: float) -> float:
        if window < WINDOW_MIN_S:
            raise ValueError("must be 10ms or more")
        return window

    @model_validator(mode="after")
    def _cost_fits_the_limit(self) -> Self:
        if self.cost > self.limit:
            raise ValueError(
                f"cost must be at most the limit ({self.limit}), or nothing ever passes, "
                f"got {self.cost}"
            )
        return self


class LimitsFile(Entry):
    """The whole of `limits.yaml`."""

    limits: tuple[LimitRule, ...] = ()
    """Every rate limit; a request counts in all that match it."""
