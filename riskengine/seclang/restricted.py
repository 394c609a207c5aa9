r"""Patterns made simpler for values of few kinds of bytes.

Over a value without quotes and brackets, most of a pattern that looks for them can never match.
What is left of it finds exactly what the pattern finds in such values, and costs a fraction:
`["'`]\s*or|drop\s+table` is `drop\s+table` there. Sets of bytes may hold anything outside the
alphabet, so they are written in the shortest way.
"""

import re
import warnings
from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]  # the parser has no public name
from re import _parser as sre_parser  # type: ignore[attr-defined]  # as above
from typing import Any

_ALL = frozenset(range(256))
_DIGITS = frozenset(b"0123456789")
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_SPACE = frozenset(b" \t\n\r\v\f")
_CATEGORIES = {
    sre.CATEGORY_DIGIT: _DIGITS,
    sre.CATEGORY_NOT_DIGIT: _ALL - _DIGITS,
    sre.CATEGORY_WORD: _WORD,
    sre.CATEGORY_NOT_WORD: _ALL - _WORD,
    sre.CATEGORY_SPACE: _SPACE,
    sre.CATEGORY_NOT_SPACE: _ALL - _SPACE,
}
_PLACES = {
    sre.AT_BEGINNING: rb"\A",
    sre.AT_BEGINNING_STRING: rb"\A",
    sre.AT_END_STRING: rb"\z",
    sre.AT_BOUNDARY: rb"\b",
    sre.AT_NON_BOUNDARY: rb"\B",
}
_SPELLED = re.compile(rb"\\x\{0*([0-9a-fA-F]{1,2})\}|\\z|\\.", re.DOTALL)
_FLAGS = re.IGNORECASE | re.DOTALL
_EMPTY = b""


class _OtherError(Exception):
    """A construct that is not read here."""


def restricted(pattern: bytes, alphabet: frozenset[int]) -> bytes | None:
    """What finds the same as `pattern` in values of these bytes; None where nothing ever can.

    `alphabet` has both cases of each letter or none, and no white space but the blank. Values are
    not empty. A pattern that is not understood stays as it is.
    """
    try:
        tree, flags = _parsed(pattern)
        made = _Restriction(alphabet, folds=bool(flags & re.IGNORECASE)).of_sequence(tree)
    except (_OtherError, re.error, OverflowError, RecursionError):
        return pattern
    if made is None:
        return None
    return b"(?i)" * bool(flags & re.IGNORECASE) + (made or b".")


def _parsed(pattern: bytes) -> tuple[Iterable[Any], int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `[[` and `--` in sets are what they always were
        tree = sre_parser.parse(_SPELLED.sub(_for_parser, pattern))
    if tree.state.flags & ~_FLAGS:
        raise _OtherError
    return tree, tree.state.flags


def _for_parser(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return rb"\x%02x" % int(found[1], 16)
    return rb"\Z" if found[0] == rb"\z" else found[0]


class _Restriction:
    """Writes a parsed pattern anew. None stands for what never matches."""

    def __init__(self, alphabet: frozenset[int], *, folds: bool) -> None:
        self._alphabet = alphabet
        self._folds = folds

    def of_sequence(self, tree: Iterable[Any]) -> bytes | None:
        parts = []
        for operation, argument in tree:
            part = self._of(operation, argument)
            if part is None:
                return None
            parts.append(part)
        return b"".join(parts)

    def _of(self, operation: object, argument: Any) -> bytes | None:  # noqa: ANN401 - the parser's
        if operation is sre.LITERAL:
            return self._set({argument})
        if operation is sre.NOT_LITERAL:
            return self._set(_ALL - self._folded({argument}))
        if operation is sre.ANY:
            return b"."
        if operation is sre.IN:
            return self._set(self._members(argument))
        if operation is sre.BRANCH:
            return self._branch(argument[1])
        if operation is sre.SUBPATTERN:
            return self._group(*argument)
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self._repeat(*argument)
        if operation is sre.AT and argument in _PLACES:
            return _PLACES[argument]
        raise _OtherError

    def _group(self, _: object, added: int, removed: int, tree: Iterable[Any]) -> bytes | None:
        if removed or added & ~re.DOTALL:
            raise _OtherError
        inner = self.of_sequence(tree)
        return b"(?:%s)" % inner if inner else inner

    def _branch(self, branches: Iterable[Iterable[Any]]) -> bytes | None:
        made = [self.of_sequence(branch) for branch in branches]
        possible = list(dict.fromkeys(one for one in made if one is not None))
        if not possible:
            return None
        return b"(?:%s)" % b"|".join(possible) if possible != [_EMPTY] else _EMPTY

    def _repeat(self, least: int, most: int, tree: Iterable[Any]) -> bytes | None:
        inner = self.of_sequence(tree)
        if inner is None:
            return _EMPTY if least == 0 else None
        if not inner or most == 0:
            return _EMPTY
        end = b"" if most is sre.MAXREPEAT else b"%d" % most
        return b"(?:%s){%d,%s}" % (inner, least, end)

    def _members(self, items: Iterable[Any]) -> frozenset[int]:
        members: set[int] = set()
        negated = False
        for operation, argument in items:
            if operation is sre.NEGATE:
                negated = True
            elif operation is sre.LITERAL:
                members.add(argument)
            elif operation is sre.RANGE:
                members.update(range(argument[0], argument[1] + 1))
            elif operation is sre.CATEGORY:
                members |= _CATEGORIES[argument]
            else:
                raise _OtherError
        folded = self._folded(members)
        return _ALL - folded if negated else folded

    def _folded(self, members: Iterable[int]) -> frozenset[int]:
        if not self._folds:
            return frozenset(members)
        raw = bytes(members)
        return frozenset(raw + raw.lower() + raw.upper())

    def _set(self, members: Iterable[int]) -> bytes | None:
        wanted = self._folded(members) & self._alphabet
        others = self._alphabet - wanted
        if not wanted:
            return None
        if not others:
            return b"."
        if len(wanted) == 1:
            return _byte(*wanted)
        if self._folds and len(wanted) == 2 and len({bytes([one]).lower() for one in wanted}) == 1:
            return _byte(max(wanted))
        shown = wanted if len(wanted) <= len(others) else others
        return b"[%s%s]" % (b"" if shown is wanted else b"^", b"".join(map(_byte, sorted(shown))))


def _byte(byte: int) -> bytes:
    return bytes([byte]) if byte in _WORD else b"\\x%02x" % byte
