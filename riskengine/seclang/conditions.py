"""Which conditions of a program values can answer, and which rules need which of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from riskengine.seclang.captures import lenders
from riskengine.seclang.macros import Macro
from riskengine.seclang.rules import Condition, Rule, Target
from riskengine.seclang.scan_patterns import Expressions, are_caseless, expressions_of, is_ordinary
from riskengine.seclang.specialize import Program, uncertain_names
from riskengine.seclang.tx_use import is_own, keeps_to_itself, read_beginnings, read_names

_SHAPE = frozenset({"REQUEST_HEADERS_NAMES", "REQUEST_METHOD", "REQUEST_PROTOCOL"})
_PATH = frozenset({"PATH_INFO", "REQUEST_BASENAME", "REQUEST_FILENAME"})
_COMMON = frozenset({"REQUEST_METHOD", "REQUEST_PROTOCOL", "REQBODY_PROCESSOR"})
_QUIET = frozenset(
    {"ruleremovebyid", "ruleremovebytag", "ruleremovebymsg", "ruleremovetargetbyid",
     "ruleremovetargetbytag", "ruleremovetargetbymsg", "forcerequestbodyvariable"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answerable:
    """A condition that depends on nothing but values of the request."""

    bit: int
    condition: Condition
    expressions: Expressions | None
    """What a scan looks for; None where the operator is asked."""
    assumed: bool = False
    """Whether it is taken to hold for any value: it mostly does, and more is asked where the path
    alone decides."""

    @property
    def caseless(self) -> bool:
        """Whether the scan finds in any value what it finds in its lower case."""
        return self.expressions is not None and are_caseless(self.condition, self.expressions)


@dataclass(frozen=True, slots=True)
class Needs:
    """What must hold before a rule is worth a visit."""

    rule: int
    """Its place in the program."""
    bits: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """A program taken apart."""

    answerable: tuple[Answerable, ...]
    needs: dict[int, tuple[Needs, ...]]
    """Rules by the lowest bit they wait for."""
    always: int
    """Places of rules that every request must see, as bits."""
    on_change: int
    """Places of rules that depend on TX alone: their outcome is known until TX changes."""
    shape: int
    """Places of rules that depend on method, protocol and header names alone."""
    by_path: int
    """Places of rules with a chain that the path alone decides."""
    quiet: int
    """Places of rules that do no more than change what other rules look at."""
    watched_names: frozenset[str]
    watched_beginnings: tuple[str, ...]


def analyze(program: Program) -> Analysis:
    """Who waits for what in `program`."""
    answerable: list[Answerable] = []
    needs: dict[int, list[Needs]] = {}
    always = on_change = shape = by_path = 0
    names: set[str] = set()
    beginnings: list[str] = []
    lending = lenders(program.rules)
    for place, rule in enumerate(program.rules):
        lends = id(rule) in lending
        if not lends and _has_shape(rule, program.rules):
            shape |= 1 << place
            continue
        decided = not lends and _is_by_path(rule, program.rules)
        by_path |= decided << place
        waited_for = own = _answerable(rule, len(answerable), decided=decided)
        answerable += own
        if lends:  # what is captured stays, whatever becomes of the rest of the chain
            waited_for = own[: sum(map(is_answerable, rule.conditions[: lending[id(rule)] + 1]))]
        if waited_for:
            bits = sum(one.bit for one in waited_for)
            rare = min(waited_for, key=_commonness)
            needs.setdefault(rare.bit, []).append(Needs(place, bits))
        elif lends or any(map(_reads_request, rule.conditions)):
            always |= 1 << place
        else:
            on_change |= 1 << place
            written, begun = uncertain_names(rule)
            # What a rule captures it reads itself, and only that.
            names |= {name for name in written if not name.isdigit()} | read_names(rule)
            beginnings += [*begun, *read_beginnings(rule)]
    return Analysis(
        tuple(answerable),
        {bit: tuple(rules) for bit, rules in needs.items()},
        always,
        on_change,
        shape,
        by_path,
        _quiet(program, lending),
        frozenset(names),
        tuple(beginnings),
    )


def _answerable(rule: Rule, known: int, *, decided: bool) -> list[Answerable]:
    """The rule's conditions that values answer; `known` is how many there are before them."""
    return [
        Answerable(
            1 << (known + at),
            condition,
            _expressions(condition),
            assumed=decided and is_ordinary(condition) and not condition.negated,
        )
        for at, condition in enumerate(filter(is_answerable, rule.conditions))
    ]


def _quiet(program: Program, lending: Mapping[int, int]) -> int:
    """Places of rules that do no more than change what others look at, and capture for nobody."""
    return sum(
        1 << place
        for place, rule in enumerate(program.rules)
        if _is_quiet(rule) and id(rule) not in lending
    )


def bits_of(analysis: Analysis) -> dict[int, int]:
    """The bit of each condition that it answers, by its `id()`."""
    return {id(one.condition): one.bit for one in analysis.answerable if not one.assumed}


def sums_of(program: Program) -> dict[int, str]:
    """Which TX variable a condition looks at, where it looks at that alone, as it stands."""
    return {
        id(condition): condition.targets[0].key
        for rule in program.rules
        for condition in rule.conditions
        if len(condition.targets) == 1
        and condition.targets[0] == Target("TX", condition.targets[0].key)
        and condition.targets[0].key
        and not condition.transforms
        and not condition.excluded
    }


def is_answerable(condition: Condition) -> bool:
    """Whether the condition depends on nothing but values of the request."""
    return (
        condition.operator is not None
        and condition.argument.constant is not None
        and bool(condition.targets)
        and all(map(_is_of_request, condition.targets))
    )


def _expressions(condition: Condition) -> Expressions | None:
    return None if is_ordinary(condition) else expressions_of(condition)


def _is_of_request(target: Target) -> bool:
    return target.variable != "TX" and not target.variable.startswith("MATCHED_VAR")


def _commonness(answerable: Answerable) -> int:
    """Larger for conditions that hold for most requests: method, protocol, `.*`."""
    variables = {target.variable for target in answerable.condition.targets}
    return (variables <= _COMMON) * 2 + is_ordinary(answerable.condition)


def _is_quiet(rule: Rule) -> bool:
    return (
        not rule.recorded
        and rule.disruption == "pass"
        and not rule.skip_after
        and all(not condition.setvars for condition in rule.conditions)
        and all(ctl.kind in _QUIET for condition in rule.conditions for ctl in condition.ctls)
    )


def _reads_request(condition: Condition) -> bool:
    return any(map(_is_of_request, condition.targets)) or any(
        reference.variable not in ("TX", "MATCHED_VAR", "MATCHED_VAR_NAME", "RULE")
        for reference in condition.argument.references
    )


def _has_shape(rule: Rule, rules: Sequence[Rule]) -> bool:
    """Whether method, protocol and header names decide it, with TX variables all its own."""
    variables = [target for c in rule.conditions for target in c.targets]
    asks = any(map(_is_of_request, variables))
    if not asks or any(condition.ctls for condition in rule.conditions):
        return False
    for target in variables:
        if target.variable == "TX" and not is_own(target, rule, rules):
            return False
        counted = target.variable == "REQUEST_HEADERS" and target.count
        if target.variable != "TX" and target.variable not in _SHAPE and not counted:
            return False
    return all(not c.argument.references and c.operator is not None for c in rule.conditions)


def _is_by_path(rule: Rule, rules: Sequence[Rule]) -> bool:
    """Whether the path decides if all of a chain holds, so that the answer can be remembered."""
    return _is_decided_by(lambda t: t.variable in _PATH and not t.count, rule, rules)


def header_chains(program: Program) -> dict[int, str]:
    """Rules by their `id()` with a chain that one header decides, and which header that is."""
    found: dict[int, str] = {}
    lending = lenders(program.rules)
    for rule in program.rules:
        if id(rule) in lending:
            continue
        name = rule.conditions[0].targets[0].key if rule.conditions[0].targets else ""
        header = Target("REQUEST_HEADERS", name)
        if name and _is_decided_by(header.__eq__, rule, program.rules, acting=True):
            found[id(rule)] = name
    return found


def _is_decided_by(
    decides: Callable[[Target], bool], rule: Rule, rules: Sequence[Rule], *, acting: bool = False
) -> bool:
    """Whether the chain depends on nothing but variables that decide, and on its own TX.

    With `acting` its end may do something to the request: that is done only where the rule fires.
    """
    conditions = rule.conditions
    if not is_answerable(conditions[0]) or all(map(is_answerable, conditions)):
        return False
    captured = False
    for condition in conditions:
        acts = bool(condition.ctls) and not (acting and condition is conditions[-1])
        if condition.operator is None or acts or condition.argument.references:
            return False
        for target in condition.targets:
            if target.variable == "TX" and not (captured and target.key.isdigit()):
                if not is_own(target, rule, rules):
                    return False
            elif _is_of_request(target) and not decides(target):
                return False
        captured = captured or (condition.capture and not condition.negated)
        own = (is_own_value(s.value, captures=condition.capture) for s in condition.setvars)
        if not all(own):
            return False
    return keeps_to_itself(rule, rules)


def is_own_value(text: Macro, *, captures: bool) -> bool:
    """Whether it is made of constants and of what the condition itself found."""
    return all(
        reference.variable in ("MATCHED_VAR", "MATCHED_VAR_NAME")
        or (reference.variable == "TX" and reference.key.isdigit() and captures)
        for reference in text.references
    )
