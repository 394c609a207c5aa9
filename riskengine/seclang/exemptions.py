"""What analysts leave out of a rule set: rules, tags, parameters, values of a certain form."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from riskengine.seclang.amendments import Amendment, Selector, amend, selector
from riskengine.seclang.macros import parse_macro
from riskengine.seclang.operators import compile_operator
from riskengine.seclang.operators_contract import Operator
from riskengine.seclang.rules import Condition, Rule, RuleSet, Step, Target
from riskengine.seclang.targets import parse_target


class Exemption(NamedTuple):
    """Rules that are not run, or one thing that they do not look at."""

    selects: Selector
    target: Target | None


class Sparing(NamedTuple):
    """Rules that do not fire for values of a certain form."""

    selects: Selector
    form: Operator


def parse_exemption(rule: int | None, tag: str | None, parameter: str | None) -> Exemption:
    """OperatorError where the tag is no pattern or the parameter no variable."""
    target = parse_target(parameter) if parameter is not None else None
    return Exemption(_selected(rule, tag), target)


def parse_sparing(rule: int | None, tag: str | None, value: str) -> Sparing:
    """`value` is a pattern for a whole value, behind the rule's transformations.

    OperatorError where it, or the tag, is no pattern.
    """
    whole = rb"\A(?:%s)\z" % value.encode()
    return Sparing(_selected(rule, tag), compile_operator("rx", whole, directory=Path()))


def exempted(
    rules: RuleSet, exemptions: Iterable[Exemption], sparings: Iterable[Sparing] = ()
) -> RuleSet:
    """The rule set without what the exemptions leave out."""
    amendments = [
        Amendment(one.selects, one.target is None, (), (one.target,) if one.target else ())
        for one in exemptions
    ]
    steps: list[Step] = amend(rules.steps, amendments)
    for sparing in sparings:
        steps = [_spared(step, sparing) for step in steps]
    return replace(rules, steps=tuple(steps))


def _selected(rule: int | None, tag: str | None) -> Selector:
    return selector("id", str(rule)) if rule is not None else selector("tag", tag or "")


def _spared(step: Step, sparing: Sparing) -> Step:
    """A rule with one more condition: not all that matched is of the form.

    What the last condition does when it holds (points), the new one does in its place.
    """
    if not isinstance(step, Rule) or not sparing.selects(step):
        return step
    *front, last = step.conditions
    if last.operator is None:
        return step
    other = Condition(
        place=last.place,
        targets=(Target("MATCHED_VARS"),),
        excluded=(),
        operator=sparing.form,
        negated=True,
        argument=parse_macro(""),
        transforms=(),
        setvars=last.setvars,
        ctls=last.ctls,
    )
    conditions = (*front, replace(last, setvars=(), ctls=()), other)
    return replace(step, conditions=conditions)
