"""The values of a request, each with what conditions demand of it."""

from functools import reduce
from operator import or_

from riskengine.seclang.transaction import SINGLE, Pairs, Transaction
from riskengine.seclang.value_plans import Node
from riskengine.seclang.value_sources import Values

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


def add_arguments(pairs: list[Pair], arguments: Pairs, names: Values, values: Values) -> None:
    """Add names and values of a query, a form or cookies."""
    by_key = names.by_key or values.by_key
    for name, value in arguments:
        key = name.decode("utf-8", "replace").lower() if by_key else ""
        pairs.append((names.node(key), name))
        pairs.append((values.node(key), value))
