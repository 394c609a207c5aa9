"""Directives that change rules read before: SecRuleRemoveBy..., SecRuleUpdateTargetBy..."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from riskengine.errors import OperatorError
from riskengine.seclang.rules import Condition, Rule, Step, Target
from riskengine.seclang.source import Directive
from riskengine.seclang.targets import parse_targets

AMENDMENTS = frozenset(
    {
        "secruleremovebyid", "secruleremovebymsg", "secruleremovebytag", "secruleupdatetargetbyid",
        "secruleupdatetargetbymsg", "secruleupdatetargetbytag",
    }
)  # fmt: skip
"""Names of these directives, in lower case."""

Selector = Callable[[Rule], bool]


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change of some rules."""

    selects: Selector
    removes: bool
    targets: tuple[Target, ...] = ()
    excluded: tuple[Target, ...] = ()


def parse_amendment(directive: Directive) -> Amendment:
    """The change that a directive of AMENDMENTS asks for."""
    name, arguments = directive.name.lower(), directive.arguments
    kind = name.rpartition("by")[2]
    if name.startswith("secruleremove"):
        if not arguments:
            raise OperatorError(f"{directive.name} must say which rules")
        subject = " ".join(arguments) if kind == "id" else arguments[0]
        return Amendment(selector(kind, subject), removes=True)
    if len(arguments) != 2:
        raise OperatorError(f"{directive.name} needs rules and variables")
    taken, excluded = parse_targets(arguments[1])
    return Amendment(selector(kind, arguments[0]), False, taken, excluded)


def selector(kind: str, subject: str) -> Selector:
    """Whether a rule is meant by `id` (`1,5 100-200`), `tag` or `msg` (patterns)."""
    if kind == "id":
        ranges = parse_ids(subject)
        return lambda rule: any(low <= rule.id <= high for low, high in ranges)
    # A tag is looked for as text; patterns written by analysts here are short and trusted.
    try:
        pattern = re.compile(subject)
    except re.error as error:
        raise OperatorError(f"{subject!r} is not a pattern: {error}") from None
    if kind == "tag":
        return lambda rule: any(pattern.search(tag) for tag in rule.tags)
    return lambda rule: pattern.search((rule.message.constant or b"").decode("latin-1")) is not None


def parse_ids(text: str) -> list[tuple[int, int]]:
    """Ranges of ids, both ends included."""
    ranges = []
    for word in re.split(r"[,\s]+", text.strip().strip("\"'")):
        low, _, high = word.partition("-")
        if not low.isdecimal() or not (high or low).isdecimal():
            raise OperatorError(f"{word!r} is neither a rule id nor a range of ids")
        ranges.append((int(low), int(high or low)))
    return ranges


def amend(steps: Iterable[Step], amendments: Iterable[Amendment]) -> list[Step]:
    """The steps after all amendments."""
    result: list[Step] = []
    changes = list(amendments)
    for step in steps:
        amended: Step | None = step
        for change in changes:
            if isinstance(amended, Rule) and change.selects(amended):
                amended = None if change.removes else _retargeted(amended, change)
        if amended is not None:
            result.append(amended)
    return result


def _retargeted(rule: Rule, change: Amendment) -> Rule:
    first = rule.conditions[0]
    return replace(rule, conditions=(_with_targets(first, change), *rule.conditions[1:]))


def _with_targets(condition: Condition, change: Amendment) -> Condition:
    return replace(
        condition,
        targets=(*condition.targets, *change.targets),
        excluded=(*condition.excluded, *change.excluded),
    )
