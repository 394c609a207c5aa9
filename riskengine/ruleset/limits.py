"""Rate limits as analysts write them: `rules/limits.yaml`."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from riskengine.decision import Verdict
from riskengine.ruleset.fields import (
    Banning,
    Duration,
    Entry,
    Identifier,
    Rule,
    StoppingVerdict,
    read_duration,
)
from riskengine.ruleset.limit_options import (
    CALENDARS,
    Algorithm,
    Calendar,
    Escalation,
    Moments,
    TimeZone,
)
from riskengine.ruleset.origin_match import OriginMatch
from riskengine.ruleset.path_patterns import PathPattern
from riskengine.ruleset.routes import Kind, Method

LIMIT_MAX = 1_000_000_000
WINDOW_MIN_S = 0.01

EXACT_MAX = 1_000
"""Most hits that an `exact` limit remembers: 16 bytes each in the store."""
CONCURRENT_MAX = 10_000

PlainPart = Literal[
    "ip", "user", "session", "device", "route", "tls", "host", "method", "namespace",
    "network", "country", "asn", "bot",
]  # fmt: skip
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


class LimitMatch(OriginMatch):
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


class Coarser(Entry):
    """What a limit counts by once its own key has too many values."""

    key: tuple[KeyPart, ...] = Field(min_length=1)
    """What is counted apart then."""
    limit: Count
    """Most hits of each in the window."""


def _window_or_calendar(schema: dict[str, Any]) -> None:
    """Editors must not ask for a window where there is a calendar."""
    schema["required"].remove("window")


class LimitRule(Banning, Rule, Moments):
    """At most `limit` hits in any trailing `window`, for each key."""

    model_config = ConfigDict(json_schema_extra=_window_or_calendar)

    match: LimitMatch = LimitMatch()
    """Which requests count; all where it is left out."""
    key: tuple[KeyPart, ...] = Field(min_length=1)
    """What is counted apart: ip, user, session, device, route, tls, host, method, namespace,
    network (the /24 or /48 of the address), country, asn, bot, attribute:NAME, header:NAME, or
    several together."""
    group: Identifier | None = None
    """Of the rules of one group only the one whose match says most counts a request; without a
    group every rule that matches counts."""
    missing: Literal["skip", "count"] = "skip"
    """When a request lacks a part of the key: not counted, or counted as one client together."""
    limit: Count
    """Most hits in any trailing window."""
    window: Duration
    """Length of the window, such as 10s, 1m, 24h; with concurrency, how long a request whose end
    nobody reports holds its place."""
    calendar: Calendar | None = None
    """Instead of a window: hits of a calendar day, week (from Monday) or month."""
    time_zone: TimeZone = "UTC"
    """Where the days of the calendar begin and end, such as Europe/Berlin."""
    cost: Count | Literal["body_bytes", "route_points"] = 1
    """Hits that one request takes: a number, its body's size, or the points of its route."""
    algorithm: Algorithm = "strict"
    """How hits are counted: strict and exact never admit more than the limit in any trailing
    window, approx less than twice the limit, pace the limit and a burst; concurrency counts
    requests in flight."""
    burst: Count | None = None
    """With pace: hits that may come at once; a tenth of the limit where it is left out."""
    count_denied: bool = False
    """Whether refused requests count too, so that who keeps hammering stays out."""
    deny_above: Count | None = None
    """More attempts than this in the window are denied, refused ones counted; above the limit."""
    verdict: StoppingVerdict = Verdict.THROTTLE
    """What happens above the limit."""
    on_store_error: OnStoreError = "local"
    """Without the store: count in each process its share, let everything pass, or stop it."""
    overrides: str | None = Field(default=None, min_length=1, max_length=256)
    """A file below the rules directory with a limit of its own for some values of the key."""
    rollout: int = Field(default=100, ge=0, le=100)
    """Per cent of the key's values that the rule is enforced for; the others are observed."""
    lease: int = Field(default=0, ge=0, le=LIMIT_MAX)
    """Hits that a process may fetch at once for a key that everybody shares; 0: none ahead."""
    ipv6_site: int = Field(default=16, ge=0, le=65_536)
    """An IPv6 /48 gets so many times the limit for all its /64 together; 0: no such count."""
    keys_max: int = Field(default=1_000_000, ge=1, le=LIMIT_MAX)
    """Distinct values of the key in a window, beyond which the rule counts by its coarser key."""
    coarser: Coarser | None = None
    """The coarser key; by default the network, with sixteen times the limit."""
    escalation: Escalation | None = None
    """Bans for those who keep offending, longer each time."""

    @property
    def window_us(self) -> int:
        """Length of the window in whole microseconds."""
        return round(self.window * 1_000_000)

    @property
    def burst_or_default(self) -> int:
        """Hits that may come at once with `pace`."""
        return self.burst or max(1, self.limit // 10)

    @property
    def ceiling(self) -> int:
        """The highest cost that is ever admitted."""
        return self.burst_or_default if self.algorithm == "pace" else self.limit

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

    @model_validator(mode="before")
    @classmethod
    def _calendar_has_a_window(cls, data: Any) -> Any:  # noqa: ANN401 - pydantic's signature
        """A calendar's period has a nominal length, which answers show."""
        if not isinstance(data, dict) or "window" in data:
            return data
        window = CALENDARS.get(str(data.get("calendar")))
        return {**data, "window": window} if window else data

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        for problem in problems_of(self):
            raise ValueError(problem)
        return self


class LimitsFile(Entry):
    """The whole of `limits.yaml`."""

    limits: tuple[LimitRule, ...] = ()
    """Every rate limit; a request counts in all that match it, and in one of each group."""


def problems_of(rule: LimitRule) -> Iterator[str]:
    """What the fields of a rule say against each other, and what would be right."""
    yield from _problems_of_cost(rule)
    yield from _problems_of_algorithm(rule)
    if rule.algorithm == "concurrency":
        yield from _problems_of_concurrency(rule)
    if rule.calendar is not None or rule.time_zone != "UTC":
        yield from _problems_of_calendar(rule)
    yield from _problems_of_denials(rule)


def _problems_of_cost(rule: LimitRule) -> Iterator[str]:
    if isinstance(rule.cost, int) and rule.cost > rule.ceiling:
        what = "burst" if rule.algorithm == "pace" else "limit"
        yield (
            f"cost must be at most the {what} ({rule.ceiling}), or nothing ever passes, "
            f"got {rule.cost}"
        )


def _problems_of_algorithm(rule: LimitRule) -> Iterator[str]:
    if rule.burst is not None and rule.algorithm != "pace":
        yield "burst belongs to the algorithm pace; leave it out here"
    if rule.burst is not None and rule.burst > rule.limit:
        yield f"burst must be at most the limit ({rule.limit}), got {rule.burst}"
    if rule.algorithm == "exact" and rule.limit > EXACT_MAX:
        yield f"exact remembers {EXACT_MAX} hits at most; take strict for a limit of {rule.limit}"
    if rule.lease and (rule.algorithm != "strict" or rule.calendar or rule.count_denied):
        yield "lease goes with the algorithm strict alone; leave it out here"


def _problems_of_concurrency(rule: LimitRule) -> Iterator[str]:
    if rule.limit > CONCURRENT_MAX:
        yield f"concurrency counts {CONCURRENT_MAX} requests in flight at most, got {rule.limit}"
    if rule.cost != 1:
        yield "cost must be 1 where requests in flight are counted"
    if rule.count_denied or rule.deny_above:
        yield "concurrency cannot count what is not in flight: leave count_denied, deny_above out"


def _problems_of_calendar(rule: LimitRule) -> Iterator[str]:
    if rule.calendar is None:
        yield "time_zone belongs to calendar; leave it out here"
    elif rule.window != read_duration(CALENDARS[rule.calendar]):
        yield "must have window or calendar, not both"
    elif rule.algorithm != "strict":
        yield f"calendar counts in its own way; leave algorithm {rule.algorithm} out"


def _problems_of_denials(rule: LimitRule) -> Iterator[str]:
    if rule.deny_above is not None and rule.deny_above <= rule.limit:
        yield f"deny_above must be above the limit ({rule.limit}), got {rule.deny_above}"
    if rule.deny_above is not None and rule.verdict is Verdict.DENY:
        yield "deny_above is for a limit that throttles below it; leave verdict out"
    if rule.escalation is not None and rule.verdict is not Verdict.DENY and not rule.deny_above:
        yield "escalation is for a limit that denies; say verdict: deny, or deny_above"
