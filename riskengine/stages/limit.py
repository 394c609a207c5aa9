"""One limit rule, compiled: what it counts of a request, in which counters."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple
from zlib import crc32

from riskengine.inspection import Inspection
from riskengine.ruleset.limits import LimitRule
from riskengine.stages.distinct_keys import KeyCount
from riskengine.stages.limit_keys import override_subject, read_subject
from riskengine.stages.limit_periods import Periods
from riskengine.store.counters import Algorithm, Hit

KEY_FORMAT = "rl1"
"""Version of keys and values in the store: releases that share it share their counters."""

COARSER_KEY, COARSER_TIMES = ("network",), 16
LEASE_PART = 10
"""A lease lasts a tenth of its window; counters of leased limits keep hits for so much longer."""

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


class Part(Enum):
    """Which of a rule's counters a hit is for."""

    MAIN = ""
    SITE = "site"
    """All /64 of an IPv6 /48 together."""
    ATTEMPTS = "attempts"
    """Every attempt, refused ones too, against `deny_above`."""


class Count(NamedTuple):
    """Why a hit was counted."""

    limit: "Limit"
    subject: str
    """Who is counted."""
    part: Part


Found = Sequence[tuple[Count, Hit]]
"""What one rule counts for one request; empty where that lacks a part of the key."""

Who = tuple[tuple[str, ...], bool]
"""What a rule reads to tell who is counted: rules that agree in it count the same clients."""


class Limit:
    """One rule, ready to count."""

    def __init__(
        self,
        rule: LimitRule,
        applies: Callable[[Inspection], bool] | None,
        overrides: Mapping[str, int],
        hash_of: Callable[[str], int] = hash,
    ) -> None:
        """`applies` tells whether headers and attributes are as asked; None when none are asked."""
        self.rule = rule
        self.id, self.group, self.observed = rule.id, rule.group, rule.observed
        self.for_bots = bool(rule.match.bot)
        """Whether it counts verified bots: they have limits of their own."""
        self.window_s = rule.window
        self.window_us = rule.window_us
        if rule.lease:
            self.window_us += -(-rule.window_us // LEASE_PART)
        self.algorithm = _algorithm(rule)
        self.window_text = _window_text(rule)
        self.keys = KeyCount(rule.window, hash_of)
        """Distinct keys that this process has seen."""
        self._applies = applies
        self._suffix = f":{rule.id}:{self.window_us}"
        if self.algorithm is not Algorithm.STRICT:
            self._suffix += f":{self.algorithm.word}"
        count = rule.missing == "count"
        self.who: Who = tuple(rule.key), count
        self.read_subject = read_subject(rule.key, count=count)
        site_key = ["site" if part == "ip" else part for part in rule.key]
        self._site = read_subject(site_key, count=count) if _has_sites(rule) else None
        coarser = rule.coarser
        self._coarser = read_subject(coarser.key if coarser else COARSER_KEY, count=True)
        self._coarser_limit = coarser.limit if coarser else COARSER_TIMES * rule.limit
        self._overrides = {
            override_subject(rule.key, value): limit for value, limit in overrides.items()
        }
        self._periods = Periods(rule.calendar, rule.time_zone) if rule.calendar else None
        self._always = rule.starts_at is None and rule.expires_at is None
        self.conditional = not self._always or applies is not None
        """Whether `counts` may be false."""
        self.steady = (
            not self.conditional
            and self._periods is None
            and self.algorithm is not Algorithm.CONCURRENCY
            and isinstance(rule.cost, int)
        )
        """Whether it counts the same hits each time a client comes."""

    @property
    def too_many_keys(self) -> bool:
        """Whether the rule counts by its coarser key now."""
        return self.keys.estimate > self.rule.keys_max

    def counts(self, inspection: Inspection) -> bool:
        """Whether the rule holds now, and for these headers and attributes."""
        if not self._always and not _holds(self.rule, inspection.at):
            return False
        return self._applies is None or self._applies(inspection)

    def hits(self, inspection: Inspection, token: Callable[[], bytes]) -> Found:
        """What to count for a request; nothing where it lacks a part of the key.

        An allowlisted request is counted apart, so that it uses up nothing that others share.
        `token` names the request among those in flight.
        """
        subject = self.read_subject(inspection)
        return () if subject is None else self._build(subject, inspection, token)

    def _build(self, subject: str, inspection: Inspection, token: Callable[[], bytes]) -> Found:
        subject, limit = self._counted_as(subject, inspection)
        rule, allowlisted = self.rule, inspection.allowlisted_by is not None
        start = f"{inspection.request.namespace}:{KEY_FORMAT}:{{"
        end = ("}:allowlisted" if allowlisted else "}") + self._suffix
        ends_us = 0
        if self._periods is not None:
            period = self._periods.at(inspection.at)
            end, ends_us = f"{end}:{period.starts_us}", period.ends_us
        main = Hit(
            f"{start}{subject}{end}",
            limit,
            self.window_us,
            rule.cost if isinstance(rule.cost, int) else _cost(rule, inspection),
            self.observed or allowlisted or self._is_left_out(subject),
            rule.count_denied,
            self.algorithm,
            self._burst(limit),
            ends_us,
            token() if self.algorithm is Algorithm.CONCURRENCY else b"",
            rule.lease,
        )
        found = [(Count(self, subject, Part.MAIN), main)]
        if rule.deny_above is not None:
            found.append(self._attempt(subject, main, rule.deny_above))
        if self._site is not None and inspection.request.address.version == 6:
            found += self._site_hit(inspection, main, start, end)
        return tuple(found)

    def _counted_as(self, subject: str, inspection: Inspection) -> tuple[str, int]:
        """Who is counted, and the limit: by the coarser key where there are too many of them."""
        self.keys.add(subject, inspection.at)
        if self.too_many_keys:
            inspection.degrade("limit_keys")
            return self._coarser(inspection) or subject, self._coarser_limit
        return subject, self._overrides.get(subject, self.rule.limit)

    def _site_hit(
        self, inspection: Inspection, main: Hit, start: str, end: str
    ) -> list[tuple[Count, Hit]]:
        subject = self._site(inspection) if self._site is not None else None
        if subject is None:
            return []
        times = self.rule.ipv6_site
        hit = main._replace(
            key=f"{start}{subject}{end}", limit=times * main.limit, burst=times * main.burst
        )
        return [(Count(self, subject, Part.SITE), hit)]

    def _attempt(self, subject: str, main: Hit, deny_above: int) -> tuple[Count, Hit]:
        periodic = main.algorithm is Algorithm.CALENDAR
        hit = main._replace(
            key=f"{main.key}:attempts",
            limit=max(deny_above, main.limit + 1),
            count_denied=True,
            algorithm=Algorithm.CALENDAR if periodic else Algorithm.STRICT,
        )
        return Count(self, subject, Part.ATTEMPTS), hit

    def _burst(self, limit: int) -> int:
        """As the rule says; in proportion where an override changes the limit."""
        if self.algorithm is not Algorithm.PACE:
            return 1
        return max(1, self.rule.burst_or_default * limit // self.rule.limit)

    def _is_left_out(self, subject: str) -> bool:
        """Whether a rule in rollout only observes this key: the same everywhere, for ever."""
        rollout = self.rule.rollout
        return rollout < 100 and crc32(f"{self.id} {subject}".encode()) % 100 >= rollout


def _algorithm(rule: LimitRule) -> Algorithm:
    if rule.calendar is not None:
        return Algorithm.CALENDAR
    return Algorithm[rule.algorithm.upper()]


def _has_sites(rule: LimitRule) -> bool:
    return "ip" in rule.key and rule.ipv6_site > 0 and rule.algorithm != "concurrency"


def _holds(rule: LimitRule, at: float) -> bool:
    if rule.starts_at is not None and at < rule.starts_at:
        return False
    return rule.expires_at is None or at < rule.expires_at


def _cost(rule: LimitRule, inspection: Inspection) -> int:
    if rule.cost == "body_bytes":
        return max(1, inspection.request.body_size)
    return inspection.route.points if inspection.route is not None else 1


def _window_text(rule: LimitRule) -> str:
    """What `more than 5` is followed by, as analysts write windows."""
    if rule.calendar is not None:
        return f"in a {rule.calendar} of {rule.time_zone}"
    if rule.algorithm == "concurrency":
        return "at once"
    milliseconds = round(rule.window * 1_000)
    for unit, size in _UNITS:
        if milliseconds % size == 0:
            return f"in {milliseconds // size}{unit}"
    return f"in {milliseconds}ms"
