"""Which conditions look at the values of a variable, name by name."""

from collections.abc import Sequence

import re2

from riskengine.seclang.conditions import Answerable
from riskengine.seclang.demands import Asked, Demand, demand
from riskengine.seclang.needed_bytes import needed_bytes
from riskengine.seclang.operators_contract import Operator
from riskengine.seclang.rules import Target
from riskengine.seclang.scan_groups import ScanGroup
from riskengine.seclang.steps import ordered
from riskengine.seclang.value_plans import Node, Nodes

_KEYS_MAX = 8_192
_KEY_LENGTH_MAX = 64


class Values:
    """The values of one kind; their names decide which conditions look at them."""

    def __init__(
        self, wanted: list[tuple[Answerable, tuple[Target, ...]]], source: "Source"
    ) -> None:
        self.wanted = wanted
        self._source = source
        self._nodes: dict[str, Node] = {}
        self._alike: dict[tuple[object, ...], Node] = {}
        targets = [target for _, targets in wanted for target in targets]
        excluded = [
            target
            for one, targets in wanted
            for target in one.condition.excluded
            if any(target.variable == own.variable for own in targets)
        ]
        self.by_key = any(t.key or t.pattern is not None for t in (*targets, *excluded))
        self._keys = frozenset(t.key for t in (*targets, *excluded) if t.key)
        self._patterns: list[re2._Regexp] = list(
            dict.fromkeys(t.pattern for t in (*targets, *excluded) if t.pattern is not None)
        )

    def node(self, key: str) -> Node:
        """The demands on the value of that (lower-case) name."""
        known = self._nodes.get(key)
        if known is None:
            known = self._of_alike(key)
            if len(self._nodes) >= _KEYS_MAX:
                self._nodes.clear()
            if len(key) <= _KEY_LENGTH_MAX:
                self._nodes[key] = known
        return known

    def _of_alike(self, key: str) -> Node:
        """The node of names that are the same to all rules: there are few such kinds of names."""
        text = key.encode("utf-8", "surrogateescape")
        alike = (
            key if key in self._keys else bool(key),
            *[pattern.search(text) is not None for pattern in self._patterns],
        )
        known = self._alike.get(alike)
        if known is None:
            known = self._alike[alike] = self._source.node(self.wanted, key)
        return known


class Source:
    """Finds the conditions that look at values of some variables."""

    def __init__(
        self,
        answerable: tuple[Answerable, ...],
        groups: Sequence[ScanGroup],
    ) -> None:
        """The last of `groups` knows all that a scan can tell."""
        self._answerable = answerable
        self._scanned = groups[-1].bits
        self._inexact = groups[-1].inexact
        self._nodes = Nodes(groups)
        self._asked: dict[int, Asked] = {}

    def of(self, *variables: str) -> Values:
        """The values that rules know under all of these names."""
        wanted = []
        for one in self._answerable:
            targets = tuple(
                t for t in one.condition.targets if t.variable in variables and not t.count
            )
            if targets:
                wanted.append((one, targets))
        return Values(wanted, self)

    def demanded(self, variables: tuple[str, ...]) -> list[tuple[str, Values]]:
        """Those of the variables that any condition looks at."""
        found = [(variable, self.of(variable)) for variable in variables]
        return [(variable, values) for variable, values in found if values.wanted]

    def node(self, wanted: list[tuple[Answerable, tuple[Target, ...]]], key: str) -> Node:
        """The demands on the value of that name."""
        demands: list[Demand] = []
        for one, targets in wanted:
            if any(_concerns(target, key, one) for target in targets):
                demands += self._demands(one)
        return self._nodes.node(demands)

    def _demands(self, one: Answerable) -> list[Demand]:
        condition = one.condition
        chains = [condition.transforms]
        if condition.multi_match:
            chains = [condition.transforms[:end] for end in range(len(condition.transforms) + 1)]
        operator = condition.operator
        if operator is None:
            return []
        asked = self._asked.get(one.bit)
        if asked is None:
            asked = self._asked[one.bit] = self._ask(one, operator)
        return [demand(ordered(chain), asked) for chain in chains]

    def _ask(self, one: Answerable, operator: Operator) -> Asked:
        scanned = bool(one.bit & self._scanned)
        return Asked(
            one.bit,
            operator,
            negated=one.condition.negated,
            scanned=scanned,
            exact=not one.bit & self._inexact,
            caseless=scanned and one.caseless,
            assumed=one.assumed and not scanned,
            needed=_needed(one) if scanned else None,
        )


def _needed(one: Answerable) -> frozenset[int] | None:
    """Found out for what is behind base64: what comes out of that is noise, in honest values."""
    noisy = any(step.startswith("base64decode") for step in one.condition.transforms)
    if not noisy or one.condition.negated or one.expressions is None:
        return None
    [pattern, *others] = one.expressions.patterns
    return None if others else needed_bytes(pattern)


def _concerns(target: Target, key: str, one: Answerable) -> bool:
    if not target.takes(key):
        return False
    return not any(
        other.variable == target.variable and other.takes(key) for other in one.condition.excluded
    )
