"""What can be known of each condition before any request comes."""

from collections.abc import Callable
from typing import NamedTuple

from riskengine.seclang.captures import captures_read
from riskengine.seclang.conditions import Analysis, bits_of, sums_of
from riskengine.seclang.evaluation import POINTS
from riskengine.seclang.operators_comparisons import number
from riskengine.seclang.operators_contract import Operator
from riskengine.seclang.rules import Condition, SetVar, Target
from riskengine.seclang.specialize import Program


class Aim(NamedTuple):
    """One target of a condition."""

    target: Target
    answered: bool
    """Whether it is known of each value if the condition holds for it."""
    whole: bool
    """Whether all values of the variable are meant."""


class Change(NamedTuple):
    """A setvar that adds a number to one TX variable."""

    name: str
    amount: int
    points: bool
    """Whether it adds to the anomaly score."""


class Prepared(NamedTuple):
    """A condition with an operator."""

    operator: Operator
    bit: int
    """The condition's bit; 0 where values of the request do not answer it."""
    sum: str
    """The TX variable that it looks at, where it looks at that alone, as it stands."""
    aims: tuple[Aim, ...]
    constant: bool
    """Whether the operator's argument is the same for all requests."""
    captures: bool
    """Whether what the operator captures is read by any rule."""
    changes: tuple[Change, ...] | None
    """All that comes of a match, where that is no more than adding numbers."""


def prepare(
    program: Program, analysis: Analysis, answers: Callable[[str], bool]
) -> dict[int, Prepared]:
    """The conditions of `program` by their `id()`; `answers` says for which variables any is."""
    bits, sums, captures = bits_of(analysis), sums_of(program), captures_read(program.rules)
    return {
        id(condition): Prepared(
            condition.operator,
            bits.get(id(condition), 0),
            sums.get(id(condition), ""),
            tuple(_aim(target, condition, bits, answers) for target in condition.targets),
            condition.argument.constant is not None,
            id(condition) in captures,
            None if id(condition) in captures else _changes(condition),
        )
        for rule in program.rules
        for condition in rule.conditions
        if condition.operator is not None
    }


def _aim(
    target: Target, condition: Condition, bits: dict[int, int], answers: Callable[[str], bool]
) -> Aim:
    answered = id(condition) in bits and not target.count and answers(target.variable)
    left_out = any(other.variable == target.variable for other in condition.excluded)
    return Aim(target, answered, not (target.key or target.pattern is not None or left_out))


def _changes(condition: Condition) -> tuple[Change, ...] | None:
    if condition.ctls or not all(map(_adds_number, condition.setvars)):
        return None
    return tuple(map(_change, condition.setvars))


def _adds_number(setvar: SetVar) -> bool:
    fixed = setvar.name.constant is not None and setvar.value.constant is not None
    return fixed and setvar.operation in ("+", "-")


def _change(setvar: SetVar) -> Change:
    name = (setvar.name.constant or b"").decode("utf-8", "surrogateescape").lower()
    amount = number(setvar.value.constant or b"")
    return Change(
        name, amount if setvar.operation == "+" else -amount, POINTS.fullmatch(name) is not None
    )
