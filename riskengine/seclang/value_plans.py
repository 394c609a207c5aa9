"""Which conditions a value must be held against, and behind which transformations.

A tree of transformation prefixes: a step that cannot change a value is not taken, and what is then
equal is looked at once.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from riskengine.seclang.demands import Chain, Demand, demand
from riskengine.seclang.scan_groups import ScanGroup
from riskengine.seclang.steps import STEPS
from riskengine.seclang.transform_triggers import MAY_CHANGE, creating, simplified
from riskengine.seclang.transforms import Transform
from riskengine.seclang.value_kinds import PLAIN, TABLE, alphabet_of, triggered_by

Scan = Callable[[bytes, int], int]
FEW = 8
_CHOICES_MAX = 4_096


class View(NamedTuple):
    """What to do with a value."""

    alphabet: int
    """The smallest one that has all bytes of the value."""
    bits_in: Scan | None
    """Finds the patterns; None where there are none to look for."""
    assumed: int
    """Conditions that are taken to hold."""
    positive: int
    """Conditions that hold when their pattern is found."""
    negative: int
    """Conditions that hold when it is not."""
    inexact: int
    confirmed: tuple[Demand, ...]
    """Conditions that may hold when their pattern is found: the operator is asked then."""
    direct: tuple[Demand, ...]
    few: tuple[Demand, ...]
    """All that a scan answers, where they are so few that asking the operators may cost less."""
    children: tuple[tuple[Transform, "Node"], ...]


class _Choice(NamedTuple):
    """The views of values that hold certain kinds of bytes."""

    alphabet: int
    triggered: frozenset[str]
    doubts: tuple[tuple[int, str, Callable[[bytes], bool]], ...]
    """Steps that a closer look may rule out, each with a bit."""
    views: dict[int, View]
    """By the bits of those that may change the value."""


class Node:
    """Demands on a value; made once for each distinct set of demands."""

    __slots__ = ("_alike", "_choices", "_demands", "_family", "_steps", "always", "needed")

    def __init__(self, demands: Sequence[Demand], family: "Nodes") -> None:
        self._demands = demands
        self._family = family
        self._steps = frozenset(step for one in demands for step in one.chain)
        self.needed = _needed(demands)
        """Bytes without which nothing holds for a value; None where that cannot be said."""
        taken = all(one.asked.assumed for one in demands)
        self.always = _bits(demands) if taken else None
        """Bits of the conditions, where all are taken to hold for any value."""
        self._choices: dict[frozenset[int], _Choice] = {}
        self._alike: dict[tuple[int, frozenset[str]], _Choice] = {}

    def view(self, value: bytes) -> View:
        """What to do with `value`."""
        kinds = frozenset(value.translate(TABLE, PLAIN))
        choice = self._choices.get(kinds) or self._choice(kinds)
        steps = 0
        for bit, _, may_change in choice.doubts:
            if may_change(value):
                steps |= bit
        view = choice.views.get(steps)
        if view is None:
            view = choice.views[steps] = self._viewed(choice, steps)
        return view

    def _choice(self, kinds: frozenset[int]) -> _Choice:
        alphabet, triggered = alphabet_of(kinds), triggered_by(kinds) & self._steps
        choice = self._alike.get((alphabet, triggered))
        if choice is None:
            doubtful = sorted(triggered & MAY_CHANGE.keys())
            doubts = tuple((1 << at, step, MAY_CHANGE[step]) for at, step in enumerate(doubtful))
            choice = self._alike[alphabet, triggered] = _Choice(alphabet, triggered, doubts, {})
        if len(self._choices) >= _CHOICES_MAX:
            self._choices.clear()
        self._choices[kinds] = choice
        return choice

    def _viewed(self, choice: _Choice, steps: int) -> View:
        idle = frozenset(step for bit, step, _ in choice.doubts if not steps & bit)
        here: list[Demand] = []
        behind: dict[str, list[Demand]] = {}
        left: dict[Chain, Chain] = {}
        for chain, asked, lowers in self._demands:
            if asked.assumed:
                continue
            if chain not in left:
                left[chain] = simplified(chain, choice.triggered, idle)
            further = demand(left[chain], asked, lowers=lowers)
            if not further.chain:
                here.append(further)
                continue
            step, *rest = further.chain
            behind.setdefault(step, []).append(Demand(tuple(rest), asked, further.lowers))
        return self._view(choice.alphabet, tuple(dict.fromkeys(here)), self._children(behind))

    def _children(self, behind: dict[str, list[Demand]]) -> tuple[tuple[Transform, "Node"], ...]:
        return tuple((STEPS[step], self._family.node(some)) for step, some in behind.items())

    def _view(
        self,
        alphabet: int,
        demands: Sequence[Demand],
        children: tuple[tuple[Transform, "Node"], ...],
    ) -> View:
        scanned = tuple(one for one in demands if one.asked.scanned)
        bits_in, whole = self._family.scan_for(scanned)
        return View(
            alphabet,
            bits_in,
            _bits(one for one in self._demands if one.asked.assumed),
            _bits(one for one in scanned if one.asked.exact and not one.asked.negated),
            _bits(one for one in scanned if one.asked.exact and one.asked.negated),
            _bits(one for one in scanned if not one.asked.exact),
            tuple(one for one in scanned if not one.asked.exact),
            tuple(one for one in demands if not one.asked.scanned),
            scanned if whole and len(scanned) <= FEW else (),
            children,
        )


class Nodes:
    """All nodes of a program, each set of demands once."""

    def __init__(self, groups: Sequence[ScanGroup]) -> None:
        """Smallest first; the last one knows all that a scan can tell."""
        self._groups = groups
        self._known: dict[tuple[Demand, ...], Node] = {}

    def node(self, demands: Sequence[Demand]) -> Node:
        """The node of these demands."""
        key = tuple(dict.fromkeys(demands))
        return self._known.setdefault(key, Node(key, self))

    def scan_for(self, scanned: Sequence[Demand]) -> tuple[Scan | None, bool]:
        """The fastest scan that tells about all of these, and whether it is the one for all."""
        if not scanned:
            return None, False
        bits = _bits(scanned)
        group = next(group for group in self._groups if not bits & ~group.bits)
        return group.scanner.bits_in, group is self._groups[-1]


def _needed(demands: Iterable[Demand]) -> bytes | None:
    needed = b""
    for one in demands:
        creating_bytes = creating(one.chain)
        if one.asked.needed is None or creating_bytes is None:
            return None
        needed += creating_bytes + bytes(one.asked.needed)
    return bytes(set(needed))


def _bits(demands: Iterable[Demand]) -> int:
    return reduce(or_, (one.asked.bit for one in demands), 0)
