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
FEW = 8


class Demand(NamedTuple):
    """One condition, as far as it concerns one value."""

    chain: Chain
    """The transformations that are still to be done."""
    bit: int
    """The condition's bit."""
    scanned: bool
    """Whether the scan knows its pattern."""
    negated: bool
    match: Callable[[bytes], Match | None]
    """The operator."""
    exact: bool = True
    """Whether the scan alone tells; otherwise the operator confirms what it finds."""


class View(NamedTuple):
    """What to do with a value of certain kinds of bytes."""

    positive: int
    """Conditions that hold when their pattern is found."""
    negative: int
    """Conditions that hold when it is not."""
    confirmed: tuple[Demand, ...]
    """Conditions that may hold when their pattern is found: the operator is asked then."""
    direct: tuple[Demand, ...]
    few: tuple[Demand, ...]
    """All that a scan answers, where they are so few that asking the operators may cost less."""
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
        direct: list[Demand] = []
        scanned: list[Demand] = []
        behind: dict[str, list[Demand]] = {}
        for demand in self._demands:
            chain = simplified(demand.chain, kinds)
            if chain:
                behind.setdefault(chain[0], []).append(demand._replace(chain=chain[1:]))
                continue
            (scanned if demand.scanned else direct).append(demand)
        confirmed = tuple(demand for demand in scanned if not demand.exact)
        few = tuple(scanned) if len(scanned) <= FEW else ()
        children = tuple(
            (TRANSFORMS[step], self._family.node(demands)) for step, demands in behind.items()
        )
        return View(
            _bits(scanned, negated=False),
            _bits(scanned, negated=True),
            confirmed,
            tuple(direct),
            few,
            children,
        )


def _bits(demands: Sequence[Demand], *, negated: bool) -> int:
    bits = 0
    for demand in demands:
        if demand.exact and demand.negated is negated:
            bits |= demand.bit
    return bits


class Nodes:
    """All nodes of a program, each set of demands once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Demand, ...], Node] = {}

    def node(self, demands: Sequence[Demand]) -> Node:
        """The node of these demands."""
        key = tuple(dict.fromkeys(demands))
        return self._known.setdefault(key, Node(key, self))
