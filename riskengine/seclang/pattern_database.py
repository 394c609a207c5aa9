"""Many patterns in one hyperscan database: one pass over a value finds all that it holds."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from platform import machine
from string import ascii_letters, digits
from typing import NamedTuple

import hyperscan

from riskengine.seclang.pattern_parts import pieces_of, weakened
from riskengine.seclang.restricted import restricted
from riskengine.seclang.scan_patterns import Expressions

_FLAGS = hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY
_LARGE = 16_000  # bytes of a pattern; larger ones take too long to compile, their gist does not
_BOUNDED = re.compile(rb"\{(\d+),\d\d+\}")

_NAMES = f"{ascii_letters}{digits}_.-".encode()
ALPHABETS = (_NAMES, _NAMES + b"/:%=?&+~,@ ", _NAMES + b"/:%=?&+~,@ ();*")
"""Kinds of bytes that most values of honest requests are made of, smallest first: names and
numbers; paths, addresses and queries; user agents. A database for each is several times faster."""


class Restricted(NamedTuple):
    """A database for values of certain bytes only."""

    alphabet: bytes
    data: bytes


class Compiled(NamedTuple):
    """A database as bytes, and what it can tell."""

    data: bytes
    ids: tuple[int, ...]
    """Places, in the list that was compiled, of the expressions that the database finds."""
    inexact: tuple[int, ...]
    """Those found in more values than the operator matches."""
    restricted: tuple[Restricted, ...] = ()
    """Databases that find the same, smallest alphabet first."""


class _Form(NamedTuple):
    """What is compiled for one pattern."""

    place: int
    original: bytes
    form: bytes
    exact: bool


def digest_of(expressions: Sequence[Expressions]) -> str:
    """Changes with the expressions, and with the library that compiles them."""
    digest = hashlib.sha256(f"{version('hyperscan')} {machine()} {ALPHABETS!r} 6".encode())
    for expression in expressions:
        for pattern in (*expression.patterns, b"\0exact" if expression.exact else b"\0"):
            digest.update(len(pattern).to_bytes(4))
            digest.update(pattern)
    return digest.hexdigest()


def compile_database(expressions: Sequence[Expressions]) -> Compiled:
    """All expressions in one database; takes seconds. What hyperscan refuses is left out."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_forms, range(len(expressions)), expressions))
        forms = [form for several in found for form in several]
        whole = pool.submit(_compiled, forms)
        made = list(pool.map(partial(_restricted, forms), ALPHABETS))
        data = whole.result()
    ids = dict.fromkeys(form.place for form in forms)
    inexact = dict.fromkeys(form.place for form in forms if not form.exact)
    return Compiled(data, tuple(ids), tuple(inexact), tuple(made) if data else ())


def _forms(place: int, expression: Expressions) -> list[_Form]:
    """Forms of each pattern; none at all where hyperscan takes none of a pattern."""
    forms = []
    for pattern in expression.patterns:
        for piece in pieces_of(pattern, _is_soon_accepted):
            form = _acceptable(piece.pattern)
            if form is None:
                return []
            exact = expression.exact and piece.exact and form == piece.pattern
            forms.append(_Form(place, piece.pattern, form, exact))
    return forms


def _compiled(forms: Sequence[_Form]) -> bytes:
    if not forms:
        return b""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[form.form for form in forms],
        ids=[form.place for form in forms],
        flags=[_FLAGS] * len(forms),
    )
    return bytes(hyperscan.dumpb(database))


def _restricted(forms: Sequence[_Form], alphabet: bytes) -> Restricted:
    members = frozenset(alphabet)
    made = [_restricted_form(form, members) for form in forms]
    return Restricted(alphabet, _compiled([form for form in made if form is not None]))


def _restricted_form(form: _Form, alphabet: frozenset[int]) -> _Form | None:
    """What finds as much in values of these bytes; None where nothing can be found in them."""
    simpler = restricted(form.original, alphabet)
    if simpler is None:
        return None
    if form.exact:
        return form._replace(form=simpler if _is_accepted(simpler) else form.form)
    return form._replace(form=_acceptable(simpler) or form.form)


def _acceptable(pattern: bytes) -> bytes | None:
    """The pattern, or the strongest weaker one that hyperscan takes; None where it takes none."""
    return next(filter(_is_accepted, _ever_weaker(pattern)), None)


def _ever_weaker(pattern: bytes) -> Iterator[bytes]:
    whole = [pattern, _BOUNDED.sub(rb"{\1,}", pattern)] if len(pattern) < _LARGE else []
    yield from dict.fromkeys(whole)
    yield from (weaker for weaker in weakened(pattern) if len(weaker) < _LARGE)
    if not whole:
        yield pattern


def _is_soon_accepted(pattern: bytes) -> bool:
    return len(pattern) < _LARGE and _is_accepted(pattern)


def _is_accepted(pattern: bytes) -> bool:
    try:
        hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK).compile(
            expressions=[pattern], ids=[0], flags=[_FLAGS]
        )
    except hyperscan.HyperscanError:
        return False
    return True
