"""The one normalisation of paths: what every stage matches, and what was odd about it."""

import re
from functools import lru_cache
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
    "above_root",
    "absolute_form",
    "backslash",
    "control_character",
    "deep_encoding",
    "dot_segment",
    "double_encoding",
    "empty_segment",
    "encoded_slash",
    "fragment",
    "iis_encoding",
    "invalid_utf8",
    "malformed_encoding",
    "no_leading_slash",
    "non_ascii",
    "nul",
    "overlong_utf8",
    "path_parameter",
    "too_long",
)
"""Everything that `NormalPath.oddities` may name; docs/normalization.md explains each."""

PATH_MAX = 16_384
"""Characters of a raw path that are looked at; what stands behind them is `too_long`."""

_CACHED_MAX = 512  # a cache keyed by what strangers send needs short keys
_LAYERS_MAX = 3
_NONE: frozenset[str] = frozenset()
_ORDINARY = re.compile(r"(?:/(?![./])[A-Za-z0-9_.~!$&'()*+,=:@-]++)++", re.ASCII)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\\?#]*")


class NormalPath(NamedTuple):
    """A path as rules see it. docs/normalization.md is the specification."""

    raw: str
    path: str
    """Decoded, dot segments resolved, `//` collapsed, `;x` and a last `/` cut; case kept."""
    key: str
    """`path` in lower case: what routes and rules are matched against."""
    oddities: frozenset[str]
    """Names of what was unusual: see `ODDITIES`."""


def normalize_path(raw: str) -> NormalPath:
    """The normal form of a raw path (without its query). Takes any text, never fails.

    Normalising `path` or `key` again changes nothing, unless `deep_encoding` is named.
    """
    return _remembered(raw) if len(raw) <= _CACHED_MAX else _normalize(raw)


def _normalize(raw: str) -> NormalPath:
    if len(raw) <= PATH_MAX and _ORDINARY.fullmatch(raw):
        return NormalPath(raw, raw, raw.lower(), _NONE)
    if raw in ("/", "*"):  # `OPTIONS *` speaks of the server itself
        return NormalPath(raw, raw, raw, _NONE)
    oddities: set[str] = set()
    path = _resolve(_decode(_without_authority(raw, oddities), oddities), oddities)
    return NormalPath(raw, path, path.lower(), frozenset(oddities))


_remembered = lru_cache(maxsize=16_384)(_normalize)


def _without_authority(raw: str, oddities: set[str]) -> str:
    """The path alone, at most PATH_MAX characters of it."""
    if len(raw) > PATH_MAX:
        oddities.add("too_long")
        raw = raw[:PATH_MAX]
    if not raw.isascii():
        oddities.add("non_ascii")
    if "#" in raw:
        oddities.add("fragment")
    if raw.startswith(("/", "\\")):
        return raw
    absolute = _ABSOLUTE.match(raw)
    oddities.add("absolute_form" if absolute else "no_leading_slash")
    return raw[absolute.end() :] if absolute else raw


def _decode(raw: str, oddities: set[str]) -> str:
    """All layers of percent encoding undone, as far as there are no more than three."""
    data = to_bytes(raw)
    if has_broken_escape(data):
        oddities.add("malformed_encoding")
    layers = 0
    while layers < _LAYERS_MAX and has_escape(data):
        if b"%2f" in data or b"%2F" in data:
            oddities.add("encoded_slash")
        data = decode_layer(data, oddities)
        layers += 1
    if layers > 1:
        oddities.add("double_encoding")
    if layers == _LAYERS_MAX and has_escape(data):
        oddities.add("deep_encoding")
    return to_text(data, oddities)


def _resolve(path: str, oddities: set[str]) -> str:
    """Separators made one, `;x` cut, empty and dot segments gone (RFC 3986 §5.2.4)."""
    name_controls(path, oddities)
    if "\\" in path:
        oddities.add("backslash")
        path = path.replace("\\", "/")
    segments = path.removeprefix("/").split("/")
    if segments[-1] == "":
        segments.pop()
    if "" in segments:
        oddities.add("empty_segment")
    if ";" in path:
        oddities.add("path_parameter")
        segments = [segment.partition(";")[0] for segment in segments]
    return "/" + "/".join(_walk(segments, oddities))


def _walk(segments: list[str], oddities: set[str]) -> list[str]:
    """The segments left when `.` stays, `..` goes up and nothing goes above the root."""
    kept: list[str] = []
    for segment in segments:
        if segment in (".", ".."):
            oddities.add("dot_segment")
        if segment == ".." and kept:
            kept.pop()
        elif segment == "..":
            oddities.add("above_root")
        elif segment not in ("", "."):
            kept.append(segment)
    return kept
