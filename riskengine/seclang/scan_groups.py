"""Which conditions are scanned for together.

One database knows all patterns. Values that few conditions look at, above all the whole request
line, paths, bodies, and what transformations make of long values, are mostly new: for those a
database of their own is several times faster.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from riskengine.seclang.conditions import Answerable
from riskengine.seclang.pattern_database import Compiled
from riskengine.seclang.scan_patterns import Expressions
from riskengine.seclang.scanner import Scanner

Compile = Callable[[Sequence[Expressions]], Compiled]

_LINE = frozenset(
    {"QUERY_STRING", "REQUEST_BASENAME", "REQUEST_LINE", "REQUEST_URI", "REQUEST_URI_RAW"}
)
_PATH = frozenset({"PATH_INFO", "REQUEST_FILENAME"})
_REWRITING = frozenset(
    {"cmdline", "normalisepath", "normalisepathwin", "normalizepath", "normalizepathwin"}
)
"""Transformations that change many honest values, addresses above all."""


class ScanGroup(NamedTuple):
    """Conditions that one scan tells about."""

    bits: int
    inexact: int
    """Those that the operator must confirm."""
    scanner: Scanner


def scan_groups(answerable: Iterable[Answerable], compile_all: Compile) -> tuple[ScanGroup, ...]:
    """Groups of conditions, the smallest first; the last one has all that a scan can tell about."""
    whole = _group(list(answerable), compile_all)
    told = [one for one in answerable if one.bit & whole.bits]
    smaller = [
        _group([one for one in told if belongs(one)], compile_all)
        for belongs in (
            _is_behind_base64,
            _is_rewritten,
            _looks_at_the_line,
            _looks_at_the_body,
            _looks_at_the_path,
        )
    ]
    return (*[group for group in smaller if not group.inexact & ~whole.inexact], whole)


def _group(answerable: Sequence[Answerable], compile_all: Compile) -> ScanGroup:
    expressions = list(
        dict.fromkeys(one.expressions for one in answerable if one.expressions is not None)
    )
    compiled = compile_all(expressions)
    places = {expression: place for place, expression in enumerate(expressions)}
    bits = dict.fromkeys(compiled.ids, 0)
    inexact = of_empty = 0
    for one in answerable:
        place = places[one.expressions] if one.expressions is not None else -1
        if not _is_told(one, place, compiled):
            continue
        bits[place] |= one.bit
        if place in compiled.inexact:
            inexact |= one.bit
        operator = one.condition.operator
        if operator is not None and operator.match(b"") is not None:
            of_empty |= one.bit
    return ScanGroup(sum(bits.values()), inexact, Scanner(compiled, bits, of_empty))


def _is_told(one: Answerable, place: int, compiled: Compiled) -> bool:
    """Whether the scan can tell if the condition holds."""
    if place not in compiled.ids:
        return False
    return not (one.condition.negated and place in compiled.inexact)


def _looks_at_the_line(one: Answerable) -> bool:
    return any(target.variable in _LINE for target in one.condition.targets)


def _looks_at_the_body(one: Answerable) -> bool:
    return any(target.variable == "REQUEST_BODY" for target in one.condition.targets)


def _looks_at_the_path(one: Answerable) -> bool:
    return any(target.variable in _PATH for target in one.condition.targets)


def _is_rewritten(one: Answerable) -> bool:
    return not _REWRITING.isdisjoint(one.condition.transforms)


def _is_behind_base64(one: Answerable) -> bool:
    return any(step.startswith("base64decode") for step in one.condition.transforms)
