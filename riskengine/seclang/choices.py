"""Which rules a request has removed, and what it has left out of others."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from riskengine.seclang.rules import Rule, Target

_KEPT_MAX = 256
_Choice = TypeVar("_Choice")
_Answer = TypeVar("_Answer")

Removal = Callable[[Rule], bool]
Exclusion = tuple[Callable[[Rule], bool], Target]


class Chosen(Generic[_Choice, _Answer]):
    """What some choices mean for each rule."""

    def __init__(
        self, choices: tuple[_Choice, ...], mean: Callable[[tuple[_Choice, ...], Rule], _Answer]
    ) -> None:
        self._choices = choices
        self._mean = mean
        self._known: dict[int, tuple[Rule, _Answer]] = {}

    def of(self, rule: Rule) -> _Answer:
        """What they mean for `rule`, remembered with the rule: so its id stays its own."""
        known = self._known.get(id(rule))
        if known is None:
            known = self._known[id(rule)] = rule, self._mean(self._choices, rule)
        return known[1]


class Choices(Generic[_Choice, _Answer]):
    """Remembers what requests choose: mostly the same, as the same few rules say so."""

    def __init__(self, mean: Callable[[tuple[_Choice, ...], Rule], _Answer]) -> None:
        self._mean = mean
        self._known: dict[tuple[_Choice, ...], Chosen[_Choice, _Answer]] = {}

    def of(self, choices: Sequence[_Choice]) -> Chosen[_Choice, _Answer]:
        """What all of these choices together mean."""
        key = tuple(choices)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KEPT_MAX:
                self._known.clear()
            known = self._known[key] = Chosen(key, self._mean)
        return known


def is_removed(removals: Sequence[Removal], rule: Rule) -> bool:
    """Whether the rule is not to be run."""
    return any(removed(rule) for removed in removals)


def left_out(exclusions: Sequence[Exclusion], rule: Rule) -> tuple[Target, ...]:
    """What the rule is not to look at."""
    return tuple(target for selects, target in exclusions if selects(rule))
