"""Which conditions a value must be held against, and behind which transformations.

A tree of transformation prefixes: a step that cannot change a value of its kinds of bytes is not
taken, and what is then equal is looked at once.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from riskengine.seclang.operators_contract import Match
from riskengine.seclang.transform_triggers import kinds_of, simplified
from riskengine.seclang.transforms import TRANSFORMS, Transform

Chain = tuple[str, ...]


class Demand(NamedTuple):
    """One condition, as far as it concerns one value."""

    chain: Chain
    """The transformations that are still to be done."""
    bit: int
    """The condition's bit."""
    scanned: bool
    """Whether the scan knows its pattern."""
    negated: bool
    match: Callable[[bytes], Match | None] | None = None
    """Asked where the scan alone cannot tell; None where it can."""


class View(NamedTuple):
    """What to do with a value of certain kinds of bytes."""

    positive: int
    """Conditions that hold when their pattern is found."""
    negative: int
    """Conditions that hold when it is not."""
    confirmed: tuple[Demand, ...]
    """Conditions that may hold when their pattern is found: the operator is asked then."""
    direct: tuple[Demand, ...]
    children: tuple[tuple[Transform, "Node"], ...]


class Node:
    """Demands on a value; made once for each distinct set of demands."""

    __slots__ = ("_demands", "_family", "_views")

    def __init__(self, demands: Sequence[Demand], family: "Nodes") -> None:
        self._demands = demands
        self._family = family
        self._views: dict[frozenset[int], View] = {}

    def view(self, value: bytes) -> View:
        """What to do with `value`."""
        kinds = kinds_of(value)
        known = self._views.get(kinds)
        if known is None:
            known = self._views[kinds] = self._viewed(kinds)
        return known

    def _viewed(self, kinds: frozenset[int]) -> View:
        positive = negative = 0
        direct: list[Demand] = []
        confirmed: list[Demand] = []
        behind: dict[str, list[Demand]] = {}
        for demand in self._demands:
            chain = simplified(demand.chain, kinds)
            if chain:
                behind.setdefault(chain[0], []).append(demand._replace(chain=chain[1:]))
            elif not demand.scanned:
                direct.append(demand)
            elif demand.match is not None:
                confirmed.append(demand)
            elif demand.negated:
                negative |= demand.bit
            else:
                positive |= demand.bit
        children = tuple(
            (TRANSFORMS[step], self._family.node(demands)) for step, demands in behind.items()
        )
        return View(positive, negative, tuple(confirmed), tuple(direct), children)


class Nodes:
    """All nodes of a program, each set of demands once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Demand, ...], Node] = {}

    def node(self, demands: Sequence[Demand]) -> Node:
        """The node of these demands."""
        key = tuple(dict.fromkeys(demands))
        return self._known.setdefault(key, Node(key, self))
