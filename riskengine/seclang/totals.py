"""Rules that add up points and compare sums: their outcome is the same for the same sums.

Such rules follow each other at the end of a phase, a dozen of them, and run for every request that
anything was found in. All that they read and write are TX variables with fixed names, of which few
different values occur, so what a whole run of them does is found out once for each.
"""

from collections.abc import Sequence

from riskengine.seclang.conditions import Analysis
from riskengine.seclang.effects import Effect, effect_of
from riskengine.seclang.fast_evaluation import FastEvaluation
from riskengine.seclang.macros import Macro
from riskengine.seclang.rules import Condition, Rule
from riskengine.seclang.specialize import Program

_KEPT_MAX = 8_192
_LENGTH_MAX = 1_024


class Totals:
    """Some rules that follow each other. Not for several threads at once."""

    def __init__(self, rules: Sequence[Rule], first: int) -> None:
        """`first` is the place of the first of `rules` in the program."""
        self.places = (1 << len(rules)) - 1 << first
        """Where they stand, as bits."""
        self._rules = rules
        self._names = tuple(dict.fromkeys(name for rule in rules for name in _names(rule)))
        self._known: dict[object, Effect] = {}

    def run(self, evaluation: FastEvaluation) -> None:
        """Do what visiting all of the rules would do."""
        values = tuple([evaluation.tx.get(name) for name in self._names])
        removals, exclusions = tuple(evaluation.removals), tuple(evaluation.exclusions)
        key = values, removals, exclusions, evaluation.detection_only
        effect = self._known.get(key)
        if effect is None:
            effect = self._found_out(evaluation)
            if len(self._known) >= _KEPT_MAX:
                self._known.clear()
            if sum(map(len, filter(None, values))) <= _LENGTH_MAX:
                self._known[key] = effect
        effect.be_in(evaluation)
        evaluation.spend(effect.cost)

    def _found_out(self, evaluation: FastEvaluation) -> Effect:
        """What becomes of an evaluation with the same sums."""
        tx = {name: evaluation.tx[name] for name in self._names if name in evaluation.tx}
        return effect_of(self._visit_all, evaluation, tx)

    def _visit_all(self, evaluation: FastEvaluation) -> None:
        for rule in self._rules:
            evaluation.visit(rule)
            if evaluation.over or evaluation.phase_over:
                return


def totals_of(program: Program, analysis: Analysis) -> dict[int, Totals]:
    """All runs of such rules, by the place of the first."""
    found: dict[int, Totals] = {}
    first = 0
    for place in range(len(program.rules) + 1):
        if place < len(program.rules) and _adds_up(place, program, analysis):
            # No run reaches from one phase into the other.
            if place == program.second_phase:
                _close(found, program, first, place)
                first = place
            continue
        _close(found, program, first, place)
        first = place + 1
    return found


def _close(found: dict[int, Totals], program: Program, first: int, end: int) -> None:
    if end - first > 1:
        found[first] = Totals(program.rules[first:end], first)


def _adds_up(place: int, program: Program, analysis: Analysis) -> bool:
    rule = program.rules[place]
    return (
        bool(analysis.on_change >> place & 1)
        and not rule.skip_after
        and all(map(_is_of_sums, rule.conditions))
    )


def _is_of_sums(condition: Condition) -> bool:
    """Whether it reads and writes no more than TX variables with fixed names."""
    return (
        not condition.capture
        and not condition.ctls
        and not condition.excluded
        and all(t.variable == "TX" and t.key and not t.key.isdigit() for t in condition.targets)
        and _is_fixed(condition.argument)
        and all(s.name.constant is not None and _is_fixed(s.value) for s in condition.setvars)
    )


def _is_fixed(macro: Macro) -> bool:
    return all(r.variable == "TX" and r.key and not r.key.isdigit() for r in macro.references)


def _names(rule: Rule) -> list[str]:
    """TX variables that it reads or writes."""
    names: list[str] = []
    for condition in rule.conditions:
        macros = [condition.argument, *[setvar.value for setvar in condition.setvars]]
        names += [target.key for target in condition.targets]
        names += [reference.key for macro in macros for reference in macro.references]
        for setvar in condition.setvars:
            names.append((setvar.name.constant or b"").decode("utf-8", "surrogateescape").lower())
    return names
