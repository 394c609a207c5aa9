"""What can be known of each condition before any request comes."""

from collections.abc import Callable
from typing import NamedTuple

from riskengine.seclang.captures import captures_read
from riskengine.seclang.conditions import Analysis, bits_of, sums_of
from riskengine.seclang.evaluation import POINTS, Fired
from riskengine.seclang.macros import Reference
from riskengine.seclang.operators_comparisons import number
from riskengine.seclang.operators_contract import Operator
from riskengine.seclang.rules import Condition, Rule, SetVar, Target
from riskengine.seclang.specialize import Program

_SCORES = ("anomaly_score_pl", "inbound_anomaly_score_pl")


class Aim(NamedTuple):
    """One target of a condition."""

    target: Target
    answered: bool
    """Whether it is known of each value if the condition holds for it."""
    whole: bool
    """Whether all values of the variable are meant."""
    header: bool
    """Whether it is one header: asking the operator costs less than all headers do."""


class Change(NamedTuple):
    """A setvar that adds a number to one TX variable."""

    name: str
    amount: int
    points: bool
    """Whether it adds to the anomaly score."""
    each: bool = False
    """Whether `name` goes on with what each value that matched is called."""


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
    certain: bool
    """Whether its bit says all of a value, as nobody wants to know which text matched."""
    counted: tuple[Change, ...] | None
    """`changes`, where its bit says all but the text that matched."""
    selects: Target | None
    """The selector of TX variables that it looks at, where it looks at these alone, as they are."""


def prepare(
    program: Program, analysis: Analysis, answers: Callable[[str], bool]
) -> dict[int, Prepared]:
    """The conditions of `program` by their `id()`; `answers` says for which variables any is."""
    bits, sums, captures = bits_of(analysis), sums_of(program), captures_read(program.rules)
    prepared: dict[int, Prepared] = {}
    for rule in program.rules:
        for place, condition in enumerate(rule.conditions):
            if condition.operator is None:
                continue
            key = id(condition)
            aims = tuple(_aim(target, condition, bits, answers) for target in condition.targets)
            shown = rule.recorded and place == 0
            wanted = shown or key in captures or condition.multi_match
            changes = None if key in captures else _changes(condition)
            told = all(aim.answered and not aim.header for aim in aims)
            prepared[key] = Prepared(
                condition.operator,
                bits.get(key, 0),
                sums.get(key, ""),
                aims,
                condition.argument.constant is not None,
                key in captures,
                changes,
                not wanted and all(aim.answered and aim.whole for aim in aims),
                changes if told and not condition.multi_match else None,
                _selects(condition),
            )
    return prepared


def given_rules(program: Program, prepared: dict[int, Prepared]) -> dict[int, Fired]:
    """Rules by their `id()` that fire for certain where their condition holds for any value.

    They leave no record, and all that they do is change how the request is judged.
    """
    if any(map(_borrows_match, program.rules)):
        return {}
    return {
        id(rule): Fired(rule, (), 0)
        for rule in program.rules
        if len(rule.conditions) == 1
        and not rule.recorded
        and rule.disruption == "pass"
        and not rule.conditions[0].setvars
        and rule.conditions[0].operator is not None
        and prepared[id(rule.conditions[0])].certain
    }


def _borrows_match(rule: Rule) -> bool:
    """Whether it reads what matched in a rule before it."""
    first, *others = rule.conditions
    references = [*first.argument.references]
    for condition in (first, *others) if first.operator is None else ():
        for setvar in condition.setvars:
            references += [*setvar.name.references, *setvar.value.references]
    variables = [target.variable for target in first.targets]
    variables += [reference.variable for reference in references]
    return any(variable.startswith("MATCHED_VAR") for variable in variables)


def _aim(
    target: Target, condition: Condition, bits: dict[int, int], answers: Callable[[str], bool]
) -> Aim:
    answered = id(condition) in bits and not target.count and answers(target.variable)
    left_out = any(other.variable == target.variable for other in condition.excluded)
    whole = not (target.key or target.pattern is not None or left_out)
    header = target == Target("REQUEST_HEADERS", target.key) and bool(target.key) and not left_out
    return Aim(target, answered, whole, header)


def _selects(condition: Condition) -> Target | None:
    target, *others = condition.targets
    plain = not (condition.transforms or condition.excluded or condition.multi_match or others)
    constant = condition.argument.constant is not None
    whole = target.variable == "TX" and target.pattern is not None and not target.count
    return target if plain and constant and whole else None


def _changes(condition: Condition) -> tuple[Change, ...] | None:
    setvars = condition.setvars
    if condition.ctls or not all(map(_adds_number, setvars)):
        return None
    if all(setvar.name.constant is not None for setvar in setvars):
        return tuple(map(_change, setvars))
    return tuple(map(_change, setvars)) if list(map(_is_by_name, setvars)) == [True] else None


def _adds_number(setvar: SetVar) -> bool:
    return setvar.value.constant is not None and setvar.operation in ("+", "-")


def _is_by_name(setvar: SetVar) -> bool:
    """Whether it writes to `counter_%{MATCHED_VAR_NAME}`, which is no score and no capture."""
    match setvar.name.parts:
        case (bytes() as text, Reference("MATCHED_VAR_NAME", "")):
            beginning = _lower(text)
            alike = any(s.startswith(beginning) or beginning.startswith(s) for s in _SCORES)
            return not alike and not beginning[:1].isdigit()
    return False


def _change(setvar: SetVar) -> Change:
    first = setvar.name.parts[0] if setvar.name.parts else b""
    name = _lower(first) if isinstance(first, bytes) else ""
    amount = number(setvar.value.constant or b"")
    signed = amount if setvar.operation == "+" else -amount
    return Change(name, signed, POINTS.fullmatch(name) is not None, len(setvar.name.parts) > 1)


def _lower(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape").lower()
