"""Macros of SecLang text: `%{TX.name}`, `%{MATCHED_VAR}` and their like."""

import re
from collections.abc import Callable
from typing import NamedTuple

# A variable's name begins with a letter; in a pattern, `%{2,3}` says how many percent signs.
_MACRO = re.compile(r"%\{([A-Za-z][^{}]*)\}")


class Reference(NamedTuple):
    """A variable that is named inside a text."""

    variable: str
    """In upper case."""
    key: str
    """In lower case; empty where the variable has none."""


class Macro(NamedTuple):
    """A text with variables in it."""

    parts: tuple[bytes | Reference, ...]

    @property
    def constant(self) -> bytes | None:
        """The text where it names no variable."""
        if not self.parts:
            return b""
        first = self.parts[0]
        return first if len(self.parts) == 1 and isinstance(first, bytes) else None

    @property
    def references(self) -> tuple[Reference, ...]:
        """The variables that it names."""
        return tuple(part for part in self.parts if isinstance(part, Reference))

    def expand(self, value_of: Callable[[Reference], bytes]) -> bytes:
        """The text with every variable replaced by what `value_of` says."""
        parts = self.parts
        if len(parts) == 1:  # nearly always
            only = parts[0]
            return only if isinstance(only, bytes) else value_of(only)
        return b"".join([part if isinstance(part, bytes) else value_of(part) for part in parts])


def parse_macro(text: str) -> Macro:
    """`text` with its macros found. Anything that is not one is plain text."""
    parts: list[bytes | Reference] = []
    for place, piece in enumerate(_MACRO.split(text)):
        if place % 2:
            parts.append(_reference(piece))
        elif piece:
            parts.append(piece.encode("utf-8", "surrogateescape"))
    return Macro(tuple(parts))


def _reference(inside: str) -> Reference:
    for separator in (".", ":"):
        variable, found, key = inside.partition(separator)
        if found:
            return Reference(variable.strip().upper(), key.strip().lower())
    return Reference(inside.strip().upper(), "")
