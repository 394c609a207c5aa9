"""Puts a program, its database and its evaluator together."""

from collections.abc import Callable, Sequence

from riskengine.seclang.conditions import Answerable, analyze
from riskengine.seclang.fast import FastRules
from riskengine.seclang.held import HeldConditions
from riskengine.seclang.pattern_database import Compiled
from riskengine.seclang.scan_patterns import Expressions
from riskengine.seclang.scanner import Scanner
from riskengine.seclang.specialize import Program

Compile = Callable[[Sequence[Expressions]], Compiled]


def build(program: Program, compile_all: Compile) -> FastRules:
    """The evaluator of `program`; `compile_all` compiles patterns, or knows them compiled."""
    analysis = analyze(program)
    expressions = list(
        dict.fromkeys(one.expressions for one in analysis.answerable if one.expressions is not None)
    )
    compiled = compile_all(expressions)
    places = {expression: place for place, expression in enumerate(expressions)}
    bits = dict.fromkeys(compiled.ids, 0)
    scanned: set[int] = set()
    inexact: set[int] = set()
    of_empty = 0
    for one in analysis.answerable:
        place = places[one.expressions] if one.expressions is not None else -1
        if not _is_told(one, place, compiled):
            continue
        bits[place] |= one.bit
        scanned.add(one.bit)
        if place in compiled.inexact:
            inexact.add(one.bit)
        operator = one.condition.operator
        if operator is not None and operator.match(b"") is not None:
            of_empty |= one.bit
    scanner = Scanner(compiled, bits, of_empty)
    held = HeldConditions(analysis.answerable, scanner, frozenset(scanned), frozenset(inexact))
    return FastRules(program, analysis, held)


def _is_told(one: Answerable, place: int, compiled: Compiled) -> bool:
    """Whether the scan can tell if the condition holds."""
    if place not in compiled.ids:
        return False
    return not (one.condition.negated and place in compiled.inexact)
