"""Which conditions hold for one value: one scan for all patterns, behind each transformation."""

from collections.abc import Iterable

from riskengine.seclang.demands import Demand
from riskengine.seclang.evaluation import VALUE_COST
from riskengine.seclang.kept import Answer, Kept
from riskengine.seclang.transaction import Transaction
from riskengine.seclang.value_plans import Node

KEPT_MAX = 65_536
LENGTH_MAX = 256
"""Answers that are remembered, and how long a value may be."""


class Looking:
    """Looks at values, and remembers what it saw in short ones. Not for several threads at once."""

    def __init__(self) -> None:
        self.known: dict[tuple[object, bytes], Answer] = {}
        """By demands and value."""
        self._long: Kept[tuple[object, bytes]] = Kept()
        """Those of longer ones, such as cookies, which every request of a visit repeats."""

    def answer(self, pair: tuple[Node, bytes], transaction: Transaction) -> Answer:
        """Remembered for good unless the value is very long, then for this request."""
        length = len(pair[1])
        if length > LENGTH_MAX:
            return self._of_long(pair, length, transaction)
        answer = self.known.get(pair)
        if answer is None:
            if len(self.known) >= KEPT_MAX:
                self.known.clear()
            answer = self.known[pair] = self._look(*pair)
        return answer

    def _of_long(self, pair: tuple[Node, bytes], length: int, transaction: Transaction) -> Answer:
        answer = self._long.get(pair) or transaction.answers.get(pair)
        if answer is None:
            answer = transaction.answers[pair] = self._long.keep(pair, self._look(*pair), length)
        return answer

    def _look(self, node: Node, value: bytes) -> Answer:
        view = node.view(value)
        length = len(value)
        held, cost = view.assumed, 0
        if view.few and len(view.few) <= 1 + (length >> 6):
            held |= _asked(view.few, value)
            cost = length + VALUE_COST
        elif view.bits_in is not None:
            found = view.bits_in(value, view.alphabet)
            held |= found & view.positive | ~found & view.negative
            cost = length + VALUE_COST
            if found & view.inexact:
                for demand in view.confirmed:
                    if found & demand.asked.bit:
                        cost += length
                        if demand.matches(value):
                            held |= demand.asked.bit
        if view.direct:
            held |= _asked(view.direct, value)
            cost += length * len(view.direct)
        for transform, child in view.children:
            changed = transform(value)
            cost += length
            needed = child.needed
            if needed is not None and len(changed.translate(None, needed)) == len(changed):
                cost += len(changed) + VALUE_COST
                continue
            deeper, more = self._look(child, changed)
            held |= deeper
            cost += more
        return held, cost


def _asked(demands: Iterable[Demand], value: bytes) -> int:
    """Bits of those that hold, as their operators say."""
    held = 0
    for demand in demands:
        if demand.matches(value) is not demand.asked.negated:
            held |= demand.asked.bit
    return held
