"""Who reads what a pattern captured: mostly nobody, so that it need not be written down."""

from collections.abc import Iterable, Sequence

from riskengine.seclang.macros import Macro, Reference
from riskengine.seclang.rules import Condition, Rule, Target

_PLACES = tuple(map(str, range(10)))


def captures_read(rules: Sequence[Rule]) -> frozenset[int]:
    """The `id()` of every condition whose captures have a reader.

    A rule reads its own, as a rule. Where any reads those of a rule before it, all are kept.
    """
    borrowed = any(map(_borrows, rules))
    return frozenset(
        id(condition)
        for rule in rules
        for condition in rule.conditions
        if condition.capture and (borrowed or any(map(_reads, rule.conditions)))
    )


def lenders(rules: Sequence[Rule]) -> dict[int, int]:
    """Rules by their `id()` whose captures another may read, and which condition captures first.

    None where no rule reads those of a rule before it. What a chain captures stays even where its
    end does not hold.
    """
    if not any(map(_borrows, rules)):
        return {}
    return {
        id(rule): next(at for at, condition in enumerate(rule.conditions) if condition.capture)
        for rule in rules
        if any(condition.capture for condition in rule.conditions)
    }


def _borrows(rule: Rule) -> bool:
    """Whether it reads captures before it has made its own."""
    own = False
    for condition in rule.conditions:
        if not own and (_reads_first(condition)):
            return True
        own = own or (
            condition.capture and condition.operator is not None and not condition.negated
        )
        if not own and _reads_after(condition):
            return True
    return False


def _reads(condition: Condition) -> bool:
    return _reads_first(condition) or _reads_after(condition)


def _reads_first(condition: Condition) -> bool:
    """Whether the test itself reads captures."""
    return any(map(_may_be_capture, condition.targets)) or _names_capture([condition.argument])


def _reads_after(condition: Condition) -> bool:
    """Whether what follows a match reads captures."""
    return _names_capture(
        [macro for setvar in condition.setvars for macro in (setvar.name, setvar.value)]
    )


def _may_be_capture(target: Target) -> bool:
    return target.variable == "TX" and any(map(target.takes, _PLACES))


def _names_capture(macros: Iterable[Macro]) -> bool:
    return any(_is_capture(reference) for macro in macros for reference in macro.references)


def _is_capture(reference: Reference) -> bool:
    return reference.variable == "TX" and (not reference.key or reference.key in _PLACES)
