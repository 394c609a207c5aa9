"""Patterns as Python's own parser takes them apart, and the sets of bytes in them."""

import re
import warnings
from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]  # the parser has no public name
from re import _parser as sre_parser  # type: ignore[attr-defined]  # as above
from typing import Any

ALL = frozenset(range(256))
_DIGITS = frozenset(b"0123456789")
WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_SPACE = frozenset(b" \t\n\r\v\f")
_CATEGORIES = {
    sre.CATEGORY_DIGIT: _DIGITS,
    sre.CATEGORY_NOT_DIGIT: ALL - _DIGITS,
    sre.CATEGORY_WORD: WORD,
    sre.CATEGORY_NOT_WORD: ALL - WORD,
    sre.CATEGORY_SPACE: _SPACE,
    sre.CATEGORY_NOT_SPACE: ALL - _SPACE,
}
_SPELLED = re.compile(rb"\\x\{0*([0-9a-fA-F]{1,2})\}|\\z|\\.", re.DOTALL)
_FLAGS = re.IGNORECASE | re.DOTALL

Tree = Iterable[tuple[Any, Any]]
"""Operations of the parser, and what each is about."""


class OtherError(Exception):
    """A construct that is not read here."""


def parsed(pattern: bytes) -> tuple[Tree, int]:
    """The tree and the flags; OtherError and what the parser raises where it is not understood."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `[[` and `--` in sets are what they always were
        tree = sre_parser.parse(_SPELLED.sub(_for_parser, pattern))
    if tree.state.flags & ~_FLAGS:
        raise OtherError
    return tree, tree.state.flags


def _for_parser(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return rb"\x%02x" % int(found[1], 16)
    return rb"\Z" if found[0] == rb"\z" else found[0]


def bytes_of(operation: object, argument: Any, *, folds: bool) -> frozenset[int] | None:  # noqa: ANN401 - the parser's
    """The bytes that this part of a pattern takes; None where it is not about one byte.

    `folds` is whether letters stand for both cases.
    """
    if operation is sre.LITERAL:
        return folded({argument}, folds=folds)
    if operation is sre.NOT_LITERAL:
        return ALL - folded({argument}, folds=folds)
    if operation is sre.ANY:
        return ALL
    if operation is sre.IN:
        return _members(argument, folds=folds)
    return None


def folded(members: Iterable[int], *, folds: bool) -> frozenset[int]:
    """The bytes, with the other case of each letter where `folds` says so."""
    if not folds:
        return frozenset(members)
    raw = bytes(members)
    return frozenset(raw + raw.lower() + raw.upper())


def _members(items: Tree, *, folds: bool) -> frozenset[int]:
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
            raise OtherError
    wanted = folded(members, folds=folds)
    return ALL - wanted if negated else wanted
