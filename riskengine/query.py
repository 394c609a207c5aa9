"""The one reading of query strings and urlencoded forms (WHATWG URL §5.1, with the oddities)."""

import re
from typing import NamedTuple

from riskengine.percent import (
    decode_layer,
    has_broken_escape,
    has_escape,
    name_controls,
    to_bytes,
    to_text,
)

ODDITIES = (
    "control_character",
    "double_encoding",
    "iis_encoding",
    "invalid_utf8",
    "malformed_encoding",
    "nul",
    "overlong_utf8",
    "too_long",
    "too_many_parameters",
)
"""Everything that `Query.oddities` may name; docs/normalization.md explains each."""

QUERY_MAX = 65_536
"""Bytes of a query or form that are read; what stands behind them is `too_long`."""
PARAMETERS_MAX = 1_024
"""Parameters that are read; one more is `too_many_parameters`."""

_NONE: frozenset[str] = frozenset()
# What a second layer of encoding has no honest reason to hide: links inside links hide `:/?=&%`.
_SUSPICIOUS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f<>'`\\]|\.\./")


class Parameter(NamedTuple):
    """One `name=value`, decoded once."""

    name: str
    value: str
    oddities: frozenset[str] = _NONE


class Query(NamedTuple):
    """All parameters of a query string or form, in order."""

    parameters: tuple[Parameter, ...]
    total: int
    """How many there are, those beyond PARAMETERS_MAX included."""
    oddities: frozenset[str]
    """Names of what was unusual anywhere: see `ODDITIES`."""

    @property
    def complete(self) -> bool:
        """Whether everything was read."""
        return "too_long" not in self.oddities and "too_many_parameters" not in self.oddities


EMPTY = Query((), 0, _NONE)


def parse_query(raw: str | bytes) -> Query:
    """The parameters of `raw`: split at `&`, `+` is a space, `%41` decoded once, never fails."""
    if not raw:
        return EMPTY
    data = to_bytes(raw) if isinstance(raw, str) else raw
    total = data.count(b"&") + 1
    oddities: set[str] = set()
    if len(data) > QUERY_MAX:
        oddities.add("too_long")
        data = data[:QUERY_MAX]
    pairs = data.split(b"&", PARAMETERS_MAX)
    if len(pairs) > PARAMETERS_MAX:
        oddities.add("too_many_parameters")
        pairs.pop()
    parameters = tuple([_parameter(pair) for pair in pairs if pair])
    return Query(parameters, total, frozenset(oddities.union(*[p.oddities for p in parameters])))


def _parameter(pair: bytes) -> Parameter:
    name, _, value = pair.partition(b"=")
    if pair.isalnum() or _is_plain(pair):
        return Parameter(name.decode(), value.decode())
    oddities: set[str] = set()
    return Parameter(_decode(name, oddities), _decode(value, oddities), frozenset(oddities))


_PLAIN = re.compile(rb"[!-$'-*,-~]*+", re.ASCII)  # printable ASCII without `%`, `&`, `+`


def _is_plain(pair: bytes) -> bool:
    return _PLAIN.fullmatch(pair) is not None


def _decode(data: bytes, oddities: set[str]) -> str:
    if has_broken_escape(data):
        oddities.add("malformed_encoding")
    data = decode_layer(data.replace(b"+", b" "), oddities)
    if has_escape(data) and _hides_something(data):
        oddities.add("double_encoding")
    text = to_text(data, oddities)
    name_controls(text, oddities, layout=True)
    return text


def _hides_something(data: bytes) -> bool:
    """Whether one more decoding would reveal a suspicious character that is not there yet."""
    deeper = decode_layer(data, set())
    return len(_SUSPICIOUS.findall(deeper)) > len(_SUSPICIOUS.findall(data))
