"""What matched where a condition holds: of all values but the first found out when asked for."""

from collections.abc import Sequence
from typing import overload

from riskengine.seclang.evaluation import Found, Transform
from riskengine.seclang.rules import Condition
from riskengine.seclang.transaction import Entry
from riskengine.seclang.transforms import TRANSFORMS


class Matches(Sequence[Found]):
    """The values that a condition is known to hold for. Equal to whatever holds the same.

    Of a rule that fires, a hit shows the first value that matched; a body can hold a thousand.
    """

    __slots__ = ("_condition", "_rest", "entries", "first")

    def __init__(
        self, condition: Condition, entries: Sequence[Entry], transform: Transform
    ) -> None:
        """`entries` are at least one, and `condition` holds for all of them."""
        self.entries = entries
        self.first = _found(condition, entries[0], transform)
        self._condition = condition
        self._rest: list[Found] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, place: int) -> Found: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Found]: ...
    def __getitem__(self, place: int | slice) -> Found | Sequence[Found]:
        if place == 0 or (place == -1 and len(self.entries) == 1):
            return self.first
        return self._all()[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment] # compared with tuples, whose hash is another

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _all(self) -> list[Found]:
        if self._rest is None:
            rest = [_found(self._condition, entry, _transformed) for entry in self.entries[1:]]
            self._rest = [self.first, *rest]
        return self._rest


def _found(condition: Condition, entry: Entry, transform: Transform) -> Found:
    value = transform(condition.transforms, entry.value)
    match = condition.operator.match(value) if condition.operator is not None else None
    return Found(entry.name, value, match.text if match else value)


def _transformed(chain: tuple[str, ...], value: bytes) -> bytes:
    for step in chain:
        value = TRANSFORMS[step](value)
    return value
