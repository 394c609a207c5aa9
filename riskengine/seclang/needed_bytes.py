"""Bytes of which a value must hold at least one before a pattern can be found in it."""

import re
from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]  # the parser has no public name
from typing import Any

from riskengine.seclang.pattern_trees import WORD, OtherError, Tree, bytes_of, parsed

_WORD_WEIGHT = 16  # letters and digits are everywhere, signs are not
_WEIGHT_MAX = 64


def needed_bytes(pattern: bytes) -> frozenset[int] | None:
    """The rarest such bytes that are found; None where there are none, or none that are rare."""
    try:
        tree, flags = parsed(pattern)
        return _of_sequence(tree, folds=bool(flags & re.IGNORECASE))
    except (OtherError, re.error, OverflowError, RecursionError):
        return None


def _of_sequence(tree: Tree, *, folds: bool) -> frozenset[int] | None:
    """All parts must be found, so the rarest will do."""
    found = [_of_part(operation, argument, folds=folds) for operation, argument in tree]
    return min((one for one in found if one is not None), key=_weight, default=None)


def _of_part(operation: object, argument: Any, *, folds: bool) -> frozenset[int] | None:  # noqa: ANN401 - the parser's
    taken = bytes_of(operation, argument, folds=folds)
    if taken is not None:
        return taken if _weight(taken) <= _WEIGHT_MAX else None
    if operation is sre.BRANCH:
        return _of_branches(argument[1], folds=folds)
    if operation is sre.SUBPATTERN and not (argument[1] | argument[2]) & ~re.DOTALL:
        return _of_sequence(argument[3], folds=folds)
    if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return _of_sequence(argument[2], folds=folds) if argument[0] else None
    if operation is sre.AT:
        return None
    raise OtherError


def _of_branches(branches: Iterable[Tree], *, folds: bool) -> frozenset[int] | None:
    """Any branch may be the one that is found."""
    needed: frozenset[int] = frozenset()
    for branch in branches:
        of_branch = _of_sequence(branch, folds=folds)
        if of_branch is None:
            return None
        needed |= of_branch
    return needed if _weight(needed) <= _WEIGHT_MAX else None


def _weight(needed: frozenset[int]) -> int:
    return len(needed) + (_WORD_WEIGHT - 1) * len(needed & WORD)
