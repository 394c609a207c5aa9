"""Runs beforehand what no request can change: paranoia gates, set-up, constant scores.

Half of the CRS decides on TX variables that its own set-up wrote. Those steps have one outcome for
all requests, so they are taken once, here; what they rule out is gone from the program.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from riskengine.request import make_request
from riskengine.seclang.evaluation import Evaluation
from riskengine.seclang.macros import Macro
from riskengine.seclang.operators_contract import Comparison
from riskengine.seclang.rules import Condition, Marker, Rule, RuleSet, SetVar, Target
from riskengine.seclang.transaction import Transaction
from riskengine.seclang.transforming import Transforming


@dataclass(frozen=True, slots=True)
class Program:
    """What is left to do for each request."""

    rules: tuple[Rule, ...]
    """Those of phase 1 first."""
    second_phase: int
    """Place of the first rule of phase 2."""
    jumps: tuple[int, ...]
    """For each rule, the place to go on at when its `skipAfter` applies."""
    tx: Mapping[str, bytes]
    """What TX holds at the beginning."""


def specialize(rules: RuleSet, tx: Mapping[str, bytes]) -> Program:
    """The program for requests that all begin with the same TX."""
    folding = _Folding(dict(tx), folds=not any(rule.skip for rule in rules.rules))
    for phase in (1, 2):
        folding.run_phase(rules, phase)
    return folding.program()


_Uncertain = tuple[frozenset[str], tuple[str, ...]]


def uncertain_names(rule: Rule) -> _Uncertain:
    """TX variables that the rule may write: names, and what other names begin with."""
    names: set[str] = set()
    beginnings: list[str] = []
    for condition in rule.conditions:
        if condition.capture:
            names.update(str(place) for place in range(10))
        for setvar in condition.setvars:
            constant = setvar.name.constant
            if constant is not None:
                names.add(_text(constant))
            else:
                first = setvar.name.parts[0]
                beginnings.append(_text(first) if isinstance(first, bytes) else "")
    return frozenset(names), tuple(beginnings)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape").lower()


class _Folding:
    """One walk over the rules with the TX that is certain so far."""

    def __init__(self, tx: dict[str, bytes], *, folds: bool) -> None:
        self._evaluation = _empty_evaluation(tx)
        self._folds = folds
        self._names: set[str] = set()
        self._beginnings: tuple[str, ...] = ()
        self._rules: list[Rule] = []
        self._places: list[dict[str, int]] = []
        """For each phase: where its markers stand."""
        self._starts: list[int] = []
        self._open: set[str] = set()

    def run_phase(self, rules: RuleSet, phase: int) -> None:
        self._starts.append(len(self._rules))
        self._places.append({})
        self._open.clear()
        behind = ""
        for step in rules.steps:
            if isinstance(step, Marker):
                behind = "" if step.name == behind else behind
                self._open.discard(step.name)
                # A marker that stands twice ends skips at its next place: the later one wins only
                # for rules behind the first, which `program` sorts out by position.
                self._places[-1].setdefault(step.name, len(self._rules))
            elif step.phase == phase and not behind:
                behind = self._take(step)
        self._places[-1][""] = len(self._rules)

    def program(self) -> Program:
        second = self._starts[1]
        jumps = []
        for place, rule in enumerate(self._rules):
            places = self._places[0 if place < second else 1]
            target = places.get(rule.skip_after, places[""]) if rule.skip_after else place + 1
            jumps.append(target if target > place else places[""])
        return Program(tuple(self._rules), second, tuple(jumps), dict(self._evaluation.tx))

    def _take(self, rule: Rule) -> str:
        """Fold the rule or keep it; the marker to go on behind, if it skips for certain."""
        resolved = self._resolved(rule)
        if self._folds and not self._open and self._is_static(resolved):
            fired = self._evaluation.visit(resolved)
            return rule.skip_after if fired else ""
        if self._folds and self._never_holds(resolved):
            return ""
        self._rules.append(resolved)
        names, beginnings = uncertain_names(resolved)
        self._names |= names
        self._beginnings += beginnings
        if rule.skip_after:
            self._open.add(rule.skip_after)
        return ""

    def _resolved(self, rule: Rule) -> Rule:
        own = uncertain_names(rule)
        return replace(rule, conditions=tuple(self._constant(c, own) for c in rule.conditions))

    def _constant(self, condition: Condition, own: _Uncertain) -> Condition:
        setvars = tuple(
            SetVar(self._folded(s.name, own), s.operation, self._folded(s.value, own))
            for s in condition.setvars
        )
        argument, operator = self._folded(condition.argument, own), condition.operator
        if isinstance(operator, Comparison) and argument.constant is not None:
            operator = replace(operator, argument=argument.constant)
        return replace(condition, setvars=setvars, argument=argument, operator=operator)

    def _folded(self, macro: Macro, own: _Uncertain) -> Macro:
        """The text as a constant where everything it names is certain, and not the rule's `own`."""
        names, beginnings = own
        if macro.constant is not None or not all(
            reference.variable == "TX"
            and self._is_certain(reference.key)
            and reference.key not in names
            and not reference.key.startswith(beginnings or ("\0",))
            for reference in macro.references
        ):
            return macro
        return Macro((macro.expand(self._evaluation.value_of),))

    def _is_certain(self, key: str) -> bool:
        return key not in self._names and not key.startswith(self._beginnings or ("\0",))

    def _is_static(self, rule: Rule) -> bool:
        """Whether every request sees the same outcome, and no more than TX comes of it."""
        return (
            not rule.recorded
            and rule.disruption == "pass"
            and all(self._is_constant(condition) for condition in rule.conditions)
            and all(
                setvar.name.constant is not None
                and setvar.value.constant is not None
                and self._is_certain(_text(setvar.name.constant))
                for condition in rule.conditions
                for setvar in condition.setvars
            )
        )

    def _is_constant(self, condition: Condition) -> bool:
        return (
            not condition.ctls
            and not condition.capture
            and condition.argument.constant is not None
            and all(self._is_known(target) for target in condition.targets)
        )

    def _is_known(self, target: Target) -> bool:
        return (
            target.variable == "TX"
            and bool(target.key)
            and target.pattern is None
            and self._is_certain(target.key)
        )

    def _never_holds(self, rule: Rule) -> bool:
        """Whether its first condition is certain not to hold, so that nothing comes of it."""
        first = rule.conditions[0]
        if first.operator is None or not self._is_constant(first):
            return False
        alone = replace(rule, conditions=(replace(first, setvars=()),), disruption="pass")
        return not _empty_evaluation(dict(self._evaluation.tx)).visit(alone)


def _empty_evaluation(tx: dict[str, bytes]) -> Evaluation:
    transforming = Transforming()
    nobody = Transaction(make_request(client_ip="192.0.2.1", method="GET", path="/"))
    return Evaluation(nobody, tx, transforming.apply, transforming.steps)
