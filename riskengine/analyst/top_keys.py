"""The report of `riskengine limits top`: what all processes saw, put together."""

from collections.abc import Mapping, Sequence

import msgspec

from riskengine.analyst.counter_limits import RuleLimits
from riskengine.store.heavy_keys import Heavy
from riskengine.store.hot_keys import Full, together
from riskengine.store.stored_limits import read_key


class TopKey(msgspec.Struct, frozen=True):
    """A key that came often."""

    key: str
    subject: str
    rule_id: str
    count: int
    """At most so many times, and at least `count - error`."""
    error: int


class NearKey(msgspec.Struct, frozen=True):
    """A key that was near its limit when it last came."""

    key: str
    subject: str
    rule_id: str
    used: int
    limit: int


class TopReport(msgspec.Struct, frozen=True):
    """The keys of each kind, the first ones first."""

    processes: int
    covered_s: float
    hottest: list[TopKey]
    nearest: list[NearKey]
    most_refused: list[TopKey]


def top_report(
    hashes: Sequence[Mapping[bytes, bytes]],
    limits: RuleLimits,
    *,
    covered_s: float,
    number: int,
) -> TopReport:
    """The first `number` keys of each kind over some minutes; `limits` corrects old limits."""
    seen = together(hashes)
    nearest = sorted(
        (_near(full, limits) for full in seen.fullest),
        key=lambda near: (-near.used / near.limit, near.key),
    )
    return TopReport(
        processes=len({process for fields in hashes for process in fields}),
        covered_s=round(covered_s, 1),
        hottest=[_top(heavy) for heavy in seen.asked[:number]],
        nearest=nearest[:number],
        most_refused=[_top(heavy) for heavy in seen.refused[:number]],
    )


def _top(heavy: Heavy) -> TopKey:
    return TopKey(heavy.key, *_names(heavy.key), heavy.times, heavy.error)


def _near(full: Full, limits: RuleLimits) -> NearKey:
    key = read_key(full.key)
    limit = limits.limit(key) if key is not None else None
    return NearKey(full.key, *_names(full.key), full.used, limit or full.limit)


def _names(text: str) -> tuple[str, str]:
    key = read_key(text)
    return (text, "") if key is None else (key.subject, key.rule_id)
