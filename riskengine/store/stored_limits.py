"""What the counters of limits look like in the store: the one place that reads them from outside.

Keys are `NAMESPACE:rl1:{SUBJECT}:RULE:WINDOW_US`, with `:allowlisted` after the brace, and
`:ALGORITHM`, the beginning of a calendar period and `:attempts` behind, where they apply. Values
are written by `counters.lua`. Another algorithm takes one more reader in `_READERS`.
"""

import math
import re
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

_KEY = re.compile(
    r"(?P<namespace>[^:{}]+):rl1:\{(?P<subject>[^{}]*)\}(?P<allowlisted>:allowlisted)?"
    r":(?P<rule>[a-z0-9-]+):(?P<window>\d+)"
    r"(?::(?P<algorithm>[a-z]+?)(?::(?P<starts>\d+))?)??(?P<attempts>:attempts)?"
)
_BUCKETS, _SLOTS = 10, 11
_STRICT = struct.Struct("<d11I")
_APPROX = struct.Struct("<ddd")
_PAIR = struct.Struct("<dd")
_COUNT = struct.Struct("<d")


class CounterKey(NamedTuple):
    """A key, taken apart."""

    text: str
    namespace: str
    subject: str
    """Who is counted: `ip:203.0.113.7`, or several parts with commas."""
    rule_id: str
    window_us: int
    algorithm: str = "strict"
    allowlisted: bool = False
    attempts: bool = False
    """Counts refused requests too, against `deny_above`."""
    starts_us: int = 0
    """`calendar`: when the period began."""

    @property
    def parts(self) -> list[str]:
        """`name:value` of each part of the subject."""
        return self.subject.split(",")


class Held(NamedTuple):
    """Hits in a counter that came at about the same time."""

    at_us: int
    """When the first of them may have come, microseconds since the epoch."""
    hits: int


class Reading(NamedTuple):
    """What a value says at some moment."""

    used: float
    """Hits that count now."""
    held: tuple[Held, ...]
    """The hits that count by age, oldest first, where the algorithm knows."""


def read_key(text: str) -> CounterKey | None:
    """The parts of a key; None where it is no counter of this format."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    attempts = match["attempts"] is not None
    algorithm = match["algorithm"] or "strict"
    if attempts and algorithm not in ("strict", "calendar"):
        algorithm = "strict"  # attempts are counted in buckets, whatever counts the rest
    return CounterKey(
        text,
        match["namespace"],
        match["subject"],
        match["rule"],
        int(match["window"]),
        algorithm,
        match["allowlisted"] is not None,
        attempts,
        int(match["starts"] or 0),
    )


def read_value(key: CounterKey, value: bytes, at_us: int, limit: int | None) -> Reading | None:
    """What is used at `at_us`; None where the value is of another format.

    `limit` is what `pace` drains by; without it the level stands as it was stored.
    """
    reader = _READERS.get(key.algorithm)
    try:
        return None if reader is None else reader(value, key.window_us, at_us, limit)
    except struct.error:
        return None


def _strict(value: bytes, window_us: int, at_us: int, _: int | None) -> Reading:
    newest, *counts = _STRICT.unpack(value)
    width = -(-window_us // _BUCKETS)
    newest, now = int(newest), at_us // width
    if abs(now - newest) > _BUCKETS:
        return Reading(0, ())
    oldest = max(newest, now) - _BUCKETS
    held = tuple(
        Held(index * width, counts[index % _SLOTS])
        for index in range(oldest, newest + 1)
        if counts[index % _SLOTS]
    )
    return Reading(sum(one.hits for one in held), held)


def _exact(value: bytes, window_us: int, at_us: int, _: int | None) -> Reading:
    log = [(int(at), int(hits)) for at, hits in _PAIR.iter_unpack(value)]
    if not log or log[-1][0] - at_us > window_us:
        return Reading(0, ())
    now = max(log[-1][0], at_us)
    held = tuple(Held(at, hits) for at, hits in log if at > now - window_us)
    return Reading(sum(one.hits for one in held), held)


def _approx(value: bytes, window_us: int, at_us: int, _: int | None) -> Reading:
    index, current, previous = map(int, _APPROX.unpack(value))
    ahead = at_us // window_us - index
    elapsed = at_us % window_us if ahead >= 0 else 0
    if ahead == 1:
        current, previous = 0, current
    if abs(ahead) > 1:
        return Reading(0, ())
    older = math.ceil(previous * (window_us - elapsed) / window_us)
    start = max(index, at_us // window_us) * window_us
    held = (Held(start - window_us, older), Held(start, current))
    return Reading(current + older, tuple(one for one in held if one.hits))


def _pace(value: bytes, window_us: int, at_us: int, limit: int | None) -> Reading:
    at, level = _PAIR.unpack(value)
    passed = at_us - at
    if passed < -window_us:
        return Reading(0.0, ())
    return Reading(max(0.0, level - max(0.0, passed) * (limit or 0) / window_us), ())


def _calendar(value: bytes, _: int, __: int, ___: int | None) -> Reading:
    return Reading(int(_COUNT.unpack(value)[0]), ())


def _concurrency(value: bytes, window_us: int, at_us: int, _: int | None) -> Reading:
    since = [int(_COUNT.unpack_from(value, offset)[0]) for offset in range(0, len(value) - 15, 16)]
    held = tuple(Held(at, 1) for at in sorted(since) if -window_us <= at_us - at < window_us)
    return Reading(len(held), held)


_READERS: Mapping[str, Callable[[bytes, int, int, int | None], Reading]] = {
    "strict": _strict,
    "exact": _exact,
    "approx": _approx,
    "pace": _pace,
    "calendar": _calendar,
    "concurrency": _concurrency,
}
