r"""Patterns made simpler for values of few kinds of bytes.

Over a value without quotes and brackets, most of a pattern that looks for them can never match.
What is left of it finds exactly what the pattern finds in such values, and costs a fraction:
`["'`]\s*or|drop\s+table` is `drop\s+table` there. Sets of bytes may hold anything outside the
alphabet, so they are written in the shortest way.
"""

import re
from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]  # the parser has no public name
from typing import Any

from riskengine.seclang.pattern_trees import WORD, OtherError, Tree, bytes_of, parsed

_PLACES = {
    sre.AT_BEGINNING: rb"\A",
    sre.AT_BEGINNING_STRING: rb"\A",
    sre.AT_END_STRING: rb"\z",
    sre.AT_BOUNDARY: rb"\b",
    sre.AT_NON_BOUNDARY: rb"\B",
}
_EMPTY = b""


def restricted(pattern: bytes, alphabet: frozenset[int]) -> bytes | None:
    """What finds the same as `pattern` in values of these bytes; None where nothing ever can.

    `alphabet` has both cases of each letter or none, and no white space but the blank. Values are
    not empty. A pattern that is not understood stays as it is.
    """
    try:
        tree, flags = parsed(pattern)
        made = _Restriction(alphabet, folds=bool(flags & re.IGNORECASE)).of_sequence(tree)
    except (OtherError, re.error, OverflowError, RecursionError):
        return pattern
    if made is None:
        return None
    return b"(?i)" * bool(flags & re.IGNORECASE) + (made or b".")


class _Restriction:
    """Writes a parsed pattern anew. None stands for what never matches."""

    def __init__(self, alphabet: frozenset[int], *, folds: bool) -> None:
        self._alphabet = alphabet
        self._folds = folds

    def of_sequence(self, tree: Tree) -> bytes | None:
        parts = []
        for operation, argument in tree:
            part = self._of(operation, argument)
            if part is None:
                return None
            parts.append(part)
        return b"".join(parts)

    def _of(self, operation: object, argument: Any) -> bytes | None:  # noqa: ANN401 - the parser's
        taken = bytes_of(operation, argument, folds=self._folds)
        if taken is not None:
            return self._set(taken)
        if operation is sre.BRANCH:
            return self._branch(argument[1])
        if operation is sre.SUBPATTERN:
            return self._group(*argument)
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self._repeat(*argument)
        if operation is sre.AT and argument in _PLACES:
            return _PLACES[argument]
        raise OtherError

    def _group(self, _: object, added: int, removed: int, tree: Tree) -> bytes | None:
        if removed or added & ~re.DOTALL:
            raise OtherError
        inner = self.of_sequence(tree)
        return b"(?:%s)" % inner if inner else inner

    def _branch(self, branches: Iterable[Tree]) -> bytes | None:
        made = [self.of_sequence(branch) for branch in branches]
        possible = list(dict.fromkeys(one for one in made if one is not None))
        if not possible:
            return None
        return b"(?:%s)" % b"|".join(possible) if possible != [_EMPTY] else _EMPTY

    def _repeat(self, least: int, most: int, tree: Tree) -> bytes | None:
        inner = self.of_sequence(tree)
        if inner is None:
            return _EMPTY if least == 0 else None
        if not inner or most == 0:
            return _EMPTY
        end = b"" if most is sre.MAXREPEAT else b"%d" % most
        return b"(?:%s){%d,%s}" % (inner, least, end)

    def _set(self, taken: frozenset[int]) -> bytes | None:
        wanted = taken & self._alphabet
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
    return bytes([byte]) if byte in WORD else b"\\x%02x" % byte
