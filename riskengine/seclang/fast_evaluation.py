"""The evaluation of a rule that may fire, with what is already known about each value.

Which values a condition holds for was found out before; the operator is asked again only about
those, for the texts that matched.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from riskengine.seclang.evaluation import VALUE_COST, Evaluation, Found
from riskengine.seclang.held import HeldConditions
from riskengine.seclang.operators_contract import Operator
from riskengine.seclang.rules import Condition, Rule, Target
from riskengine.seclang.transaction import Entry


class Watch:
    """TX variables on which rules depend that were not looked at."""

    __slots__ = ("_beginnings", "_inside", "_names")

    def __init__(self, names: frozenset[str], beginnings: tuple[str, ...]) -> None:
        self._names = names
        self._beginnings = tuple(b for b in beginnings if not b.startswith("*"))
        self._inside = tuple(b[1:] for b in beginnings if b.startswith("*"))

    def cares(self, name: str) -> bool:
        """Whether a change of that variable matters."""
        return (
            name in self._names
            or name.startswith(self._beginnings or ("\0",))
            or any(part in name for part in self._inside)
        )


class Knowledge(NamedTuple):
    """What holds for all requests."""

    watch: Watch
    bits: Mapping[int, int]
    """The bit of each answerable condition, by its `id()`."""
    sums: Mapping[int, str]
    """Which TX variable a condition looks at, where it looks at that alone, as it stands."""
    held: HeldConditions


class FastEvaluation(Evaluation):
    """An evaluation that looks at what holds, and notices when rules not looked at may differ."""

    knowledge: Knowledge
    changed: bool = False
    _snapshot: object = None
    _written: dict[str, None] | None = None
    """Names in the order in which they were first written."""

    def begin_from(self, snapshot: dict[str, bytes]) -> None:
        """Have TX hold what it holds at this place when nothing has changed, and what was added."""
        if snapshot is self._snapshot:
            return
        self._snapshot = snapshot
        own = {name: self.tx[name] for name in self._written or () if name in self.tx}
        self.tx = snapshot | own

    def _holds(self, condition: Condition, rule: Rule) -> list[Found] | None:
        bit = self.knowledge.bits.get(id(condition))
        operator = condition.operator
        if operator is None:
            return super()._holds(condition, rule)
        if bit is None:
            key = self.knowledge.sums.get(id(condition))
            if key is None or self.exclusions:
                return super()._holds(condition, rule)
            return self._compared(condition, operator, key)
        found: list[Found] = []
        for entry in list(self._promising(condition, rule, bit)):
            self.spend(len(entry.value) + VALUE_COST)
            for value in self._values(condition, entry.value):
                match = operator.match(value)
                if (match is None) is condition.negated:
                    found.append(Found(entry.name, value, match.text if match else value))
                    self._note(condition, found, match)
        return found or None

    def _compared(self, condition: Condition, operator: Operator, key: str) -> list[Found] | None:
        """One TX variable against a text: most of what is left to ask when points are added up."""
        value = self.tx.get(key)
        if value is None:
            return None
        self.spend(len(value) + VALUE_COST)
        match = operator.match_against(value, condition.argument.expand(self.value_of))
        if (match is None) is not condition.negated:
            return None
        found = [Found(f"TX:{key}", value, match.text if match else value)]
        self._note(condition, found, match)
        return found

    def _promising(self, condition: Condition, rule: Rule, bit: int) -> Iterator[Entry]:
        """The entries that the condition holds for, and those of which it is not known."""
        excluded = self.excluded(condition, rule)
        for target in condition.targets:
            known = None if target.count else self.knowledge.held.of(self.transaction, target)
            if known is None:
                yield from self.entries_of(target, excluded)
                continue
            entries, held = known
            for place, bits in enumerate(held):
                if bits & bit and _is_meant(entries[place].key, target, excluded):
                    yield entries[place]

    def put(self, name: str, value: bytes | None) -> None:
        """Have a TX variable hold `value`; None for no such variable."""
        if value is None:
            self.tx.pop(name, None)
        else:
            self.tx[name] = value
        self._wrote(name)

    def _wrote(self, name: str) -> None:
        if self._written is None:
            self._written = {}
        self._written[name] = None
        if not self.changed and self.knowledge.watch.cares(name):
            self.changed = True


def _is_meant(key: str, target: Target, excluded: tuple[Target, ...]) -> bool:
    if not target.takes(key):
        return False
    return not any(t.variable == target.variable and t.takes(key) for t in excluded)
