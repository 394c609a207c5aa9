"""Operators that match what is not well formed."""

import re
from collections.abc import Callable

from riskengine.errors import OperatorError
from riskengine.seclang.operators_contract import Match

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")


def byte_range(argument: bytes) -> Callable[[bytes], Match | None]:
    """Finds bytes outside the ranges of `argument`, such as `32-126,9`."""
    allowed = b"".join(bytes(range(*_span(part))) for part in argument.split(b",") if part.strip())

    def find(value: bytes) -> Match | None:
        outside = value.translate(None, allowed)
        return Match(outside[:1]) if outside else None

    return find


def url_encoding(value: bytes) -> Match | None:
    """Finds a `%` without two hexadecimal digits behind it."""
    found = _BROKEN_ESCAPE.search(value) if b"%" in value else None
    return Match(value[found.start() : found.start() + 3]) if found else None


def utf8_encoding(value: bytes) -> Match | None:
    """Finds bytes that are not UTF-8 (RFC 3629): overlong forms and surrogates too."""
    if value.isascii():
        return None
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return Match(value[error.start : error.end])
    return None


def _span(part: bytes) -> tuple[int, int]:
    first, _, last = part.partition(b"-")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        low, high = 1, 0
    if not 0 <= low <= high <= 255:
        shown = part.decode("latin-1").strip()
        raise OperatorError(f"a range is two numbers from 0 to 255 such as 32-126, got {shown!r}")
    return low, high + 1
