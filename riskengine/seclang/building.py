"""Puts a program, its databases and its evaluator together."""

from riskengine.seclang.conditions import analyze
from riskengine.seclang.fast import FastRules
from riskengine.seclang.held import HeldConditions
from riskengine.seclang.scan_groups import Compile, scan_groups
from riskengine.seclang.specialize import Program


def build(program: Program, compile_all: Compile) -> FastRules:
    """The evaluator of `program`; `compile_all` compiles patterns, or knows them compiled."""
    analysis = analyze(program)
    groups = scan_groups(analysis.answerable, compile_all)
    return FastRules(program, analysis, HeldConditions(analysis.answerable, groups))
