"""What a multi-pattern scan must find before an operator can match."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from riskengine.errors import OperatorError
from riskengine.seclang.caseless import caseless, is_caseless
from riskengine.seclang.operators_phrases import phrases_in_files, phrases_of
from riskengine.seclang.pcre import to_re2
from riskengine.seclang.pcre_behind import without_look_behind
from riskengine.seclang.pcre_weaker import is_irregular, weaker, without_leading
from riskengine.seclang.rules import Condition
from riskengine.seclang.sqli import HINT as SQLI_HINT
from riskengine.seclang.steps import LOWERCASE, ordered
from riskengine.seclang.xss import HINT as XSS_HINT

_END = re.compile(rb"\\.|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]|(\$)", re.DOTALL)
_PROBES = (
    b"search", b"hello world", b"/products/list/12345.html", b"a8f7c6d5-e4b3", b"1", b"true",
    b"https://www.example.com/shop?page=1&sort=up", b"text/html,application/xml;q=0.9,*/*;q=0.8",
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0",
    b"GA1.2.1234567890.1700000000", b"user@example.com", b"2024-01-31T12:00:00Z", b"a=1; b=2",
    b"en-US,en;q=0.9",
)  # fmt: skip
_LOWERED = (LOWERCASE,)
_ORDINARY_MIN = len(_PROBES) // 2


class Expressions(NamedTuple):
    """Patterns of which at least one is found wherever the operator matches."""

    patterns: tuple[bytes, ...]
    exact: bool
    """Whether the operator matches wherever one is found."""


def expressions_of(condition: Condition) -> Expressions | None:
    """The patterns of a condition's operator; None where a scan cannot tell.

    Where all that the operator sees is in lower case, they need no lower case to find it.
    """
    found = _expressions(condition)
    if found is None or condition.multi_match or ordered(condition.transforms)[-1:] != _LOWERED:
        return found
    patterns = [
        pattern if is_caseless(pattern) else caseless(pattern) for pattern in found.patterns
    ]
    known = tuple(pattern for pattern in patterns if pattern is not None)
    return Expressions(known, found.exact) if len(known) == len(patterns) else found


def are_caseless(condition: Condition, expressions: Expressions) -> bool:
    """Whether they find in any value what they find in its lower case, if that matters."""
    if LOWERCASE not in ordered(condition.transforms):
        return False
    return all(map(is_caseless, expressions.patterns))


def _expressions(condition: Condition) -> Expressions | None:
    operator = condition.operator
    if operator is None or condition.argument.constant is None:
        return None
    argument, name = operator.argument, operator.name.lower()
    if name in ("pmf", "pmfromfile"):
        return _literals(phrases_in_files(argument, condition.place.path.parent))
    if name == "validatebyterange":
        return _outside(condition)
    if name in _OF_ARGUMENT and (argument or name == "streq"):
        return _OF_ARGUMENT[name](argument)
    return _NECESSARY.get(name)


def is_ordinary(condition: Condition) -> bool:
    """Whether most ordinary values match, so that finding that out by a scan gains nothing."""
    operator = condition.operator
    if operator is None:
        return False
    return sum(operator.match(probe) is not None for probe in _PROBES) >= _ORDINARY_MIN


def _of_pattern(pattern: bytes) -> Expressions:
    irregular = is_irregular(pattern)
    scanned = weaker(without_leading(pattern)) if irregular else to_re2(pattern)
    return Expressions((_scannable(scanned),), not irregular)


def _scannable(pattern: bytes) -> bytes:
    r"""`$` is the very end: hyperscan's would also be before a last newline."""
    return _END.sub(lambda found: rb"\z" if found[1] else found[0], pattern)


def _literals(phrases: list[bytes]) -> Expressions:
    return Expressions(tuple(b"(?i)" + _quoted(phrase) for phrase in dict.fromkeys(phrases)), True)


def _quoted(text: bytes) -> bytes:
    return b"".join(
        bytes([byte]) if chr(byte).isalnum() and byte < 128 else b"\\x%02x" % byte for byte in text
    )


def _outside(condition: Condition) -> Expressions:
    """The bytes that `validateByteRange` forbids."""
    operator = condition.operator
    forbidden = [
        byte for byte in range(256) if operator is not None and operator.match(bytes([byte]))
    ]
    if not forbidden:
        raise OperatorError("a range of all bytes never matches")
    return Expressions((b"[" + b"".join(b"\\x%02x" % byte for byte in forbidden) + b"]",), True)


_OF_ARGUMENT: Mapping[str, Callable[[bytes], Expressions]] = {
    "rx": lambda argument: _of_pattern(without_look_behind(argument)),
    "pm": lambda argument: _literals(phrases_of(argument)),
    "contains": lambda argument: Expressions((_quoted(argument),), True),
    "strmatch": lambda argument: Expressions((_quoted(argument),), True),
    "beginswith": lambda argument: Expressions((rb"\A" + _quoted(argument),), True),
    "endswith": lambda argument: Expressions((_quoted(argument) + rb"\z",), True),
    "streq": lambda argument: Expressions((rb"\A" + _quoted(argument) + rb"\z",), True),
}
_NECESSARY: Mapping[str, Expressions] = {
    "detectsqli": Expressions((b"(?i)" + SQLI_HINT.pattern,), False),
    "detectxss": Expressions((b"(?i)" + XSS_HINT.pattern,), False),
    "validateutf8encoding": Expressions((rb"[\x80-\xff]",), False),
    "validateurlencoding": Expressions((rb"%",), False),
}
