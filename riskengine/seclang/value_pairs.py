"""The values of a request, each with what conditions demand of it."""

from functools import reduce
from operator import or_

from riskengine.seclang.transaction import SINGLE, Pairs, Transaction
from riskengine.seclang.value_plans import Node
from riskengine.seclang.value_sources import Values

_NAMES_MAX = 8_192
_NAME_LENGTH_MAX = 64

Pair = tuple[Node, bytes]


class Sources:
    """Some variables that conditions look at."""

    def __init__(self, demanded: list[tuple[str, Values]]) -> None:
        self.demanded = demanded
        single = [(SINGLE[name], of.node("")) for name, of in demanded if name in SINGLE]
        self.always = reduce(or_, (node.always or 0 for _, node in single), 0)
        """Bits of conditions that are taken to hold, whatever the values are."""
        self._single = [(node, read) for read, node in single if node.always is None]
        self._others = [(name, values) for name, values in demanded if name not in SINGLE]

    def pairs(self, transaction: Transaction) -> list[Pair]:
        """Their values; those left out for which nothing is to be found out."""
        pairs = [(node, read(transaction)) for node, read in self._single]
        for name, values in self._others:
            pairs += [(values.node(one.key), one.value) for one in transaction.entries(name)]
        return pairs


class Named:
    """Names and values, such as those of a query, a form, cookies."""

    def __init__(self, names: Values, values: Values) -> None:
        self._names = names
        self._values = values
        self._by_key = names.by_key or values.by_key
        self._nodes: dict[bytes, tuple[Node, Node]] = {}
        self.wanted = bool(names.wanted or values.wanted)
        """Whether any condition looks at them."""

    def pairs(self, named: Pairs) -> list[Pair]:
        """Each name, and its value behind it."""
        known = self._nodes
        pairs: list[Pair] = []
        for name, value in named:
            of_name, of_value = known.get(name) or self._found(name)
            pairs.append((of_name, name))
            pairs.append((of_value, value))
        return pairs

    def _found(self, name: bytes) -> tuple[Node, Node]:
        key = name.decode("utf-8", "replace").lower() if self._by_key else ""
        found = self._names.node(key), self._values.node(key)
        if len(name) <= _NAME_LENGTH_MAX:
            if len(self._nodes) >= _NAMES_MAX:
                self._nodes.clear()
            self._nodes[name] = found
        return found
