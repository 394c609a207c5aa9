"""Many patterns in one hyperscan database: one pass over a value finds all that it holds."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from platform import machine
from typing import NamedTuple

import hyperscan

from riskengine.seclang.scan_patterns import Expressions, weakened

_FLAGS = hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY
_PREFILTER = _FLAGS | hyperscan.HS_FLAG_PREFILTER
_LARGE = 4_000  # bytes of a pattern; larger ones take seconds to compile, their gist does not


class Compiled(NamedTuple):
    """A database as bytes, and what it can tell."""

    data: bytes
    ids: tuple[int, ...]
    """Places, in the list that was compiled, of the expressions that the database finds."""
    inexact: tuple[int, ...]
    """Those found in more values than the operator matches."""


def digest_of(expressions: Sequence[Expressions]) -> str:
    """Changes with the expressions, and with the library that compiles them."""
    digest = hashlib.sha256(f"{version('hyperscan')} {machine()} {_LARGE} 1".encode())
    for expression in expressions:
        for pattern in (*expression.patterns, b"\0exact" if expression.exact else b"\0"):
            digest.update(len(pattern).to_bytes(4))
            digest.update(pattern)
    return digest.hexdigest()


def compile_database(expressions: Sequence[Expressions]) -> Compiled:
    """All expressions in one database; takes seconds. What hyperscan refuses is left out."""
    patterns: list[bytes] = []
    ids: list[int] = []
    inexact: list[int] = []
    for place, expression in enumerate(expressions):
        forms = [_acceptable(pattern) for pattern in expression.patterns]
        if not forms or any(form is None for form in forms):
            continue
        for form, original in zip(forms, expression.patterns, strict=True):
            if form is not None:
                patterns.append(form)
                ids.append(place)
                if form != original or not expression.exact:
                    inexact.append(place)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    if patterns:
        database.compile(expressions=patterns, ids=ids, flags=[_FLAGS] * len(patterns))
    data = hyperscan.dumpb(database) if patterns else b""
    return Compiled(data, tuple(dict.fromkeys(ids)), tuple(dict.fromkeys(inexact)))


def _acceptable(pattern: bytes) -> bytes | None:
    """The pattern, or the strongest weaker one that hyperscan takes; None where it takes none."""
    whole = [pattern] if len(pattern) < _LARGE else []
    for candidate in (*whole, *weakened(pattern), *([] if whole else [pattern])):
        if len(candidate) >= _LARGE and candidate != pattern:
            continue
        try:
            hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK).compile(
                expressions=[candidate], ids=[0], flags=[_FLAGS]
            )
        except hyperscan.HyperscanError:
            continue
        return candidate
    return None
