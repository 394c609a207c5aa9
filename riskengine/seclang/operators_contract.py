"""What an operator is: a test of one value, compiled once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Match(NamedTuple):
    """What an operator found in a value."""

    text: bytes
    """The part of the value that matched."""
    captures: tuple[bytes, ...] = ()
    """What `capture` puts into TX:0, TX:1, ... TX:9; empty for operators that capture nothing."""


class Operator(Protocol):
    """One compiled operator. `!` is the business of the rule that holds it."""

    @property
    def name(self) -> str:
        """As SecLang spells it."""
        ...

    @property
    def argument(self) -> bytes:
        """As the rule gave it, macros unexpanded."""
        ...

    def match(self, value: bytes) -> Match | None:
        """What is found in `value`, if anything; linear time, never fails."""
        ...

    def match_against(self, value: bytes, argument: bytes) -> Match | None:
        """`match` with an argument whose macros have been expanded just now."""
        ...


@dataclass(frozen=True, slots=True)
class Comparison:
    """An operator that compares with its argument as it stands; the argument may hold a macro."""

    name: str
    argument: bytes
    compare: Callable[[bytes, bytes], Match | None]

    def match(self, value: bytes) -> Match | None:
        """Compare with the argument of the rule."""
        return self.compare(value, self.argument)

    def match_against(self, value: bytes, argument: bytes) -> Match | None:
        """Compare with `argument`."""
        return self.compare(value, argument)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operator whose argument was worked on beforehand: a pattern, a list, a file."""

    name: str
    argument: bytes
    find: Callable[[bytes], Match | None]

    def match(self, value: bytes) -> Match | None:
        """Look into `value`."""
        return self.find(value)

    def match_against(self, value: bytes, argument: bytes) -> Match | None:
        """Look into `value`; a prepared argument has no macros, so it stays what it was."""
        del argument
        return self.find(value)
