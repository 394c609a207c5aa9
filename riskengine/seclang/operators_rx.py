"""The pattern operator, on an engine that needs linear time whatever it reads (RE2).

Patterns that RE2 cannot have are searched by steps, a bounded number of them
(operators_irregular.py).
"""

from collections.abc import Callable
from functools import lru_cache

import re2

from riskengine.errors import OperatorError
from riskengine.seclang.operators_contract import Match
from riskengine.seclang.operators_irregular import irregular_finder
from riskengine.seclang.pcre import to_re2
from riskengine.seclang.pcre_behind import without_look_behind
from riskengine.seclang.pcre_weaker import is_irregular
from riskengine.seclang.plain_patterns import plain_finder
from riskengine.seclang.re2_spans import NOWHERE, spans_of

_CAPTURES_MAX = 9
_EXPANDED_MAX = 4_096
_MEMORY_MAX = 64 << 20


def pattern_finder(argument: bytes) -> Callable[[bytes], Match | None]:
    """Finds the left-most match of a PCRE pattern with its groups.

    `.` matches a newline and `$` only the very end, as in ModSecurity. pcre.py says what becomes of
    constructs that RE2 lacks.
    """
    argument = without_look_behind(argument)
    if is_irregular(argument):
        return irregular_finder(argument, _compile_longest)
    return plain_finder(argument) or engine_finder(argument)


def engine_finder(argument: bytes) -> Callable[[bytes], Match | None]:
    """The same for patterns that RE2 knows, by RE2."""
    pattern = compile_pattern(argument)
    spans = spans_of(pattern)
    has_groups = pattern.groups > 0

    def find(value: bytes) -> Match | None:
        found = spans(value)
        if found[0] == NOWHERE:
            return None
        start, end = found[0]
        text = value[start:end]
        if not has_groups:
            return Match(text, (text,))
        # A group that took no part stands nowhere, which is empty.
        groups = [value[start:end] for start, end in found[1 : _CAPTURES_MAX + 1]]
        return Match(text, (text, *groups))

    return find


@lru_cache(maxsize=1_024)
def _finder(argument: bytes) -> Callable[[bytes], Match | None] | None:
    try:
        return engine_finder(argument)  # nobody who sends requests makes others
    except OperatorError:
        return None


def match_pattern(value: bytes, argument: bytes) -> Match | None:
    """The left-most match of a pattern whose macros have just been expanded.

    What makes no pattern of RE2, or one of more than 4 KiB, matches nothing: requests may write TX.
    """
    find = _finder(argument) if len(argument) <= _EXPANDED_MAX else None
    return find(value) if find is not None else None


def compile_pattern(pattern: bytes) -> re2._Regexp:
    """`pattern` compiled for bytes; raises OperatorError with the cause and the place."""
    return _compiled(to_re2(pattern), _options())


def _compile_longest(pattern: bytes) -> re2._Regexp:
    options = _options()
    options.longest_match = True
    return _compiled(pattern, options)


def _compiled(pattern: bytes, options: re2.Options) -> re2._Regexp:
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        cause = error.args[0]
        text = cause.decode("utf-8", "replace") if isinstance(cause, bytes) else str(cause)
        raise OperatorError(f"the pattern cannot be compiled: {text}") from None


def _options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    options.max_mem = _MEMORY_MAX
    options.log_errors = False
    return options
