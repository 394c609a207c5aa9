"""What rules find out about one request: TX, matches, exclusions, and what is to become of it."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from riskengine.seclang.amendments import selector
from riskengine.seclang.choices import Exclusion, Removal, is_removed, left_out
from riskengine.seclang.macros import Reference
from riskengine.seclang.operators_comparisons import number
from riskengine.seclang.operators_contract import Match, Operator
from riskengine.seclang.rules import Condition, Ctl, Rule, SetVar, Target
from riskengine.seclang.transaction import Entry, Transaction

POINTS = re.compile(r"(?:inbound_)?anomaly_score_pl[1-4]")
"""Names of the TX variables in which the CRS sums up points, level by level."""

_CAPTURES = tuple(map(str, range(10)))

Transform = Callable[[tuple[str, ...], bytes], bytes]


VALUE_COST = 32
"""What looking at a value costs beside its bytes."""


class BudgetError(Exception):
    """A request needs more work than one request may cause. Never leaves the evaluators."""


class Found(NamedTuple):
    """One value that a condition holds for."""

    name: str
    """Such as `ARGS:id`."""
    value: bytes
    """After the transformations."""
    text: bytes
    """What of it matched."""


class Fired(NamedTuple):
    """A rule all of whose conditions held."""

    rule: Rule
    found: Sequence[Found]
    """The values that its first condition held for; empty for SecAction."""
    points: int
    """What it added to the anomaly score."""


@dataclass
class Evaluation:
    """The state of one request on its way through the rules. Mutable, short-lived."""

    transaction: Transaction
    tx: dict[str, bytes]
    transform: Transform
    steps_of: Callable[[tuple[str, ...], bytes], list[bytes]]
    """Every value on the way through transformations, for `multiMatch`."""
    fired: list[Fired] = field(default_factory=list)
    stopped: Fired | None = None
    """The rule that ended the evaluation with deny."""
    over: bool = False
    """Whether no more rules are to be run."""
    phase_over: bool = False
    detection_only: bool = False
    matched: Sequence[Found] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)
    """Rules that `ctl` has removed for this request."""
    exclusions: list[Exclusion] = field(default_factory=list)
    """Targets that `ctl` has removed from some rules."""
    spent: int = 0
    """How much work went into this request: bytes looked at, and a little for each value."""
    budget: int = 1 << 62
    """How much may be spent; then BudgetError is raised."""
    _gained: int = 0

    def spend(self, cost: int) -> None:
        """Note work that was done; BudgetError when it was too much for one request."""
        self.spent += cost
        if self.spent > self.budget:
            raise BudgetError

    def visit(self, rule: Rule) -> bool:
        """Run one rule; whether it fired. Its effects stand in the evaluation."""
        if self.removals and self._is_removed(rule):
            return False
        self._gained = 0
        first: Sequence[Found] = ()
        for place, condition in enumerate(rule.conditions):
            found = self._holds(condition, rule)
            if found is None:
                return False
            if not place:
                first = found
        fired = Fired(rule, first, self._gained)
        self.fired.append(fired)
        self._disrupt(fired)
        return True

    def value_of(self, reference: Reference) -> bytes:
        """What a macro stands for; empty where there is nothing of that name."""
        variable, key = reference
        if variable == "TX":
            return self.tx.get(key, b"")
        if variable == "MATCHED_VAR":
            return self.matched[-1].value if self.matched else b""
        if variable == "MATCHED_VAR_NAME":
            return self.matched[-1].name.encode() if self.matched else b""
        for entry in self._entries(variable):
            if not key or entry.key == key:
                return entry.value
        return b""

    def entries(self, condition: Condition, rule: Rule) -> Iterator[Entry]:
        """The values that a condition looks at."""
        excluded = self.excluded(condition, rule)
        for target in condition.targets:
            yield from self.entries_of(target, excluded)

    def excluded(self, condition: Condition, rule: Rule) -> tuple[Target, ...]:
        """What the condition leaves out, in this request."""
        if not self.exclusions:
            return condition.excluded
        return (*condition.excluded, *self._left_out(rule))

    def entries_of(self, target: Target, excluded: tuple[Target, ...]) -> list[Entry]:
        """The values of one target; or how many there are, where it asks for that."""
        entries = self._taken(target, excluded)
        return [Entry("", str(target), b"%d" % len(entries))] if target.count else entries

    def _is_removed(self, rule: Rule) -> bool:
        return is_removed(self.removals, rule)

    def _left_out(self, rule: Rule) -> tuple[Target, ...]:
        return left_out(self.exclusions, rule)

    def _taken(self, target: Target, excluded: tuple[Target, ...]) -> list[Entry]:
        against = [other for other in excluded if other.variable == target.variable]
        if target.variable == "TX":
            entries = self._tx(target)
        else:
            entries = [e for e in self._entries(target.variable) if target.takes(e.key)]
        if not against:
            return entries
        return [e for e in entries if not any(other.takes(e.key) for other in against)]

    def _tx(self, target: Target) -> list[Entry]:
        """TX holds a hundred variables, and most rules ask for one."""
        tx, key = self.tx, target.key
        if key and target.pattern is None:
            return [Entry(key, f"TX:{key}", tx[key])] if key in tx else []
        return [Entry(name, f"TX:{name}", tx[name]) for name in tx if target.takes(name)]

    def _entries(self, variable: str) -> list[Entry]:
        match variable:
            case "TX":
                return self._tx(Target("TX"))
            case "MATCHED_VARS":
                return [Entry("", found.name, found.value) for found in self.matched]
            case "MATCHED_VARS_NAMES":
                return [Entry("", found.name, found.name.encode()) for found in self.matched]
            case "MATCHED_VAR" | "MATCHED_VAR_NAME":
                return [Entry("", variable, self.value_of(Reference(variable, "")))]
        return self.transaction.entries(variable)

    def _holds(self, condition: Condition, rule: Rule) -> Sequence[Found] | None:
        """The values that the condition holds for, its effects done for each; None for none."""
        operator = condition.operator
        if operator is None:
            self._act(condition)
            return ()
        entries = list(self.entries(condition, rule))
        found: list[Found] = []
        constant = condition.argument.constant is not None
        for entry in entries:
            self.spend(len(entry.value) + VALUE_COST)
            for one, match in self._matching(condition, operator, entry, constant=constant):
                found.append(one)
                self._note(condition, found, match)
        return tuple(found) or None

    def _matching(
        self, condition: Condition, operator: Operator, entry: Entry, *, constant: bool
    ) -> Iterator[tuple[Found, Match | None]]:
        """Where the condition holds for an entry; what is noted of one may change the next.

        `constant` tells whether the operator's argument is.
        """
        for value in self._values(condition, entry.value):
            if constant:
                match = operator.match(value)
            else:
                argument = condition.argument.expand(self.value_of)
                match = operator.match_against(value, argument)
            if (match is None) is condition.negated:
                yield Found(entry.name, value, match.text if match else value), match

    def _values(self, condition: Condition, value: bytes) -> list[bytes]:
        if condition.multi_match:
            return self.steps_of(condition.transforms, value)
        return [self.transform(condition.transforms, value)]

    def _note(self, condition: Condition, found: list[Found], match: Match | None) -> None:
        self.matched = found
        if condition.capture and match is not None:
            self._capture(match)
        self._act(condition)

    def _capture(self, match: Match) -> None:
        tx, captures = self.tx, match.captures[: len(_CAPTURES)]
        for name, text in zip(_CAPTURES, captures, strict=False):
            tx[name] = text
        for name in _CAPTURES[len(captures) :]:
            tx.pop(name, None)

    def _act(self, condition: Condition) -> None:
        for setvar in condition.setvars:
            self._assign(setvar)
        for ctl in condition.ctls:
            self._control(ctl)

    def _assign(self, setvar: SetVar) -> None:
        name = _name(setvar.name.expand(self.value_of))
        value = setvar.value.expand(self.value_of)
        if setvar.operation == "unset":
            self.tx.pop(name, None)
        elif setvar.operation == "=":
            self.tx[name] = value
        else:
            change = number(value) if setvar.operation == "+" else -number(value)
            before = self.tx.get(name)
            self.tx[name] = b"%d" % (number(before) + change if before else change)
            if POINTS.fullmatch(name):
                self._gained += change
        self._wrote(name)

    def _wrote(self, name: str) -> None:
        """Called after each change of TX."""

    def _control(self, ctl: Ctl) -> None:
        match ctl.kind:
            case "ruleremovebyid" | "ruleremovebytag" | "ruleremovebymsg":
                self.removals.append(_selector(ctl.kind.removeprefix("ruleremoveby"), ctl.value))
            case "ruleremovetargetbyid" | "ruleremovetargetbytag" | "ruleremovetargetbymsg":
                selects = _selector(ctl.kind.removeprefix("ruleremovetargetby"), ctl.value)
                if ctl.target is not None:
                    self.exclusions.append((selects, ctl.target))
            case "requestbodyprocessor":
                self.transaction.read_as(ctl.value)
            case "forcerequestbodyvariable" if ctl.value.lower() == "on":
                self.transaction.force_body()
            case "ruleengine":
                self.over = self.over or ctl.value.lower() == "off"
                self.detection_only = ctl.value.lower() == "detectiononly"

    def _disrupt(self, fired: Fired) -> None:
        match fired.rule.disruption:
            case "deny" if not self.detection_only:
                self.stopped = fired
                self.over = True
            case "allow" | "allow:request":
                self.over = True
            case "allow:phase":
                self.phase_over = True


def _name(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape").lower()


_selector = lru_cache(maxsize=4_096)(selector)  # what `ctl` selects is the same for each request
