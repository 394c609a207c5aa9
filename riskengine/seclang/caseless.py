"""Patterns that find in a value what they find in its lower case.

With such a pattern `t:lowercase` need not be done before a scan, for which most values would have
to be copied and scanned a second time.
"""

import re
from collections.abc import Iterator
from functools import cache
from re import _constants as sre  # type: ignore[attr-defined]  # the parser has no public name
from typing import Any

from riskengine.seclang.pattern_trees import ALL, OtherError, Tree, bytes_of, parsed
from riskengine.seclang.restricted import restricted

_LOWERED = bytes(range(256)).lower()
_IN_LOWER_CASE = frozenset(_LOWERED)


def caseless(pattern: bytes) -> bytes | None:
    """What finds in any value what `pattern` finds in its lower case; None where that is unclear.

    A pattern that does that itself is returned as it stands.
    """
    try:
        tree, flags = parsed(pattern)
        sets = list(_sets(tree))
    except (OtherError, re.error, OverflowError, RecursionError):
        return None
    if flags & re.IGNORECASE or all(_lowering_to(own) == own for own, _ in sets):
        return pattern
    if flags:
        return None
    if any(_lowering_to(own) != folding for own, folding in sets):
        # Capital letters are never found in lower case: what asks for them is left out.
        possible = restricted(pattern, _IN_LOWER_CASE)
        return possible and b"(?i)" + possible
    return b"(?i)" + pattern


def is_caseless(pattern: bytes) -> bool:
    """Whether it finds in any value what it finds in its lower case."""
    if pattern.startswith(b"(?i)") and b"(" not in pattern[4:]:  # most are words of a long list
        return True
    return caseless(pattern) == pattern


@cache  # patterns are made of few distinct sets
def _lowering_to(members: frozenset[int]) -> frozenset[int]:
    """The bytes whose lower case is among `members`."""
    return frozenset(byte for byte in ALL if _LOWERED[byte] in members)


def _sets(tree: Tree) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
    """What each part about one byte takes: as it stands, and where the case does not matter."""
    for operation, argument in tree:
        own = bytes_of(operation, argument, folds=False)
        folding = bytes_of(operation, argument, folds=True)
        if own is not None and folding is not None:
            yield own, folding
            continue
        for inner in _inner(operation, argument):
            yield from _sets(inner)


def _inner(operation: object, argument: Any) -> list[Tree]:  # noqa: ANN401 - the parser's
    """The patterns in a part; OtherError for those that may be about case in other ways."""
    if operation is sre.BRANCH:
        return list(argument[1])
    if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return [argument[2]]
    if operation is sre.SUBPATTERN and not (argument[1] | argument[2]) & ~re.DOTALL:
        return [argument[3]]
    if operation is sre.AT:
        return []
    raise OtherError
