r"""Patterns that need no engine: `^.*$` and `\.([^.]+)$`, say. Many rules ask for them."""

import re
from collections.abc import Callable

from riskengine.seclang.operators_contract import Match

_LAST_PART = re.compile(rb"\\?([./:;,=&@])\(\[\^\\?\1\]\+\)\$")


def plain_finder(pattern: bytes) -> Callable[[bytes], Match | None] | None:
    """Finds what `pattern` finds, its groups included; None for patterns that need an engine."""
    if pattern == b".":
        return _first
    if pattern in (b".*", b"^.*", b"^.*$"):
        return _all
    last_part = _LAST_PART.fullmatch(pattern)
    if last_part is None or pattern.startswith(b"."):  # which is any byte
        return None
    return _last_part(last_part[1])


def _first(value: bytes) -> Match | None:
    text = value[:1]
    return Match(text, (text,)) if text else None


def _all(value: bytes) -> Match:
    return Match(value, (value,))


def _last_part(sign: bytes) -> Callable[[bytes], Match | None]:
    def find(value: bytes) -> Match | None:
        part = value.rpartition(sign)[2]
        if not part or len(part) == len(value):
            return None
        text = sign + part
        return Match(text, (text, part))

    return find
