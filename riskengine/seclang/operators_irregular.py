r"""Patterns with look-ahead and back-references, in a bounded number of steps.

No engine with linear time knows such patterns. So RE2 looks for a weaker one (pcre_weaker.py), and
PCRE, which comes with hyperscan as Chimera, is asked only where that is found:

- from one place in a value it may take 2 000 steps, each over 4 KiB of the value at most;
- a value of up to 256 bytes is searched as a whole, a longer one from each place that the weaker
  pattern names, and from so many of them that time stays linear.

What needs more than that counts as found where the weaker pattern is found: nobody hides behind a
value that costs much.
"""

import re
from collections.abc import Callable
from threading import Lock

import hyperscan
import re2

from riskengine.errors import OperatorError
from riskengine.seclang.operators_contract import Match
from riskengine.seclang.pcre_weaker import weaker, without_leading

STEPS_MAX = 2_000
_NESTING_MAX = 1_000
SHORT = 256
REACH = 2_048
"""How long a match may be; a longer one of the weaker pattern counts as it is."""
SEEN = 4_096
"""How far a look-ahead sees from where a match begins."""
_PLACES_LEAST = 64
_BYTES_READ_MAX = 64 << 20
_CAPTURES_MAX = 9
_DOLLAR = re.compile(rb"\\.|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]|(\$)", re.DOTALL)

_Captured = list[tuple[int, int, int]]


def irregular_finder(
    pattern: bytes, compile_weaker: Callable[[bytes], re2._Regexp]
) -> Callable[[bytes], Match | None]:
    """Finds the left-most match of a PCRE pattern that RE2 has not.

    `compile_weaker` makes a search for longest matches. Raises OperatorError with the cause.
    """
    pattern = without_leading(pattern)
    return _Irregular(pattern, compile_weaker(weaker(pattern))).find


class _Irregular:
    def __init__(self, pattern: bytes, weak: re2._Regexp) -> None:
        exact = _DOLLAR.sub(lambda found: rb"\z" if found[1] else found[0], pattern)
        self._weak = weak
        self._anywhere = _Steps(rb"(?:%s)()|\z" % exact)
        self._first = _Steps(rb"\A(?:(?:%s)()|)" % exact)
        self._later = _Steps(rb"\A.(?:(?:%s)()|)" % exact)
        """Behind one byte, so that `\b` and `^` know that there is one."""

    def find(self, value: bytes) -> Match | None:
        weak = self._weak.search(value)
        if weak is None:
            return None
        if len(value) > SHORT:
            return self._in_long(value, weak)
        try:
            return self._anywhere.match(value, 0)
        except _TooManyStepsError:
            return _as_it_is(weak)

    def _in_long(self, value: bytes, first: "re2._Match[bytes]") -> Match | None:
        weak: re2._Match[bytes] | None = first
        for _ in range(_places_max(len(value))):
            if weak is None:
                return None
            start, end = weak.span()
            try:
                found = self._at(value, start) if end - start <= REACH else _as_it_is(weak)
            except _TooManyStepsError:
                return _as_it_is(weak)
            if found is not None:
                return found
            weak = self._weak.search(value, start + 1) if start < len(value) else None
        return _as_it_is(weak) if weak is not None else None

    def _at(self, value: bytes, start: int) -> Match | None:
        if not start:
            return self._first.match(value[:SEEN], 0)
        return self._later.match(value[start - 1 : start + SEEN], 1)


class _TooManyStepsError(Exception):
    """A match took more steps than it may. Never leaves this module."""


class _Steps:
    """A pattern that always matches and ends with a group that tells how: then silence means that
    the steps ran out."""

    def __init__(self, pattern: bytes) -> None:
        limits = b"(*LIMIT_MATCH=%d)(*LIMIT_RECURSION=%d)" % (STEPS_MAX, _NESTING_MAX)
        self._database = hyperscan.Database(chimera=True, mode=hyperscan.CH_MODE_GROUPS)
        self._busy = Lock()
        self._captured: _Captured = []
        try:
            self._database.compile(
                expressions=[limits + pattern],
                flags=[hyperscan.CH_FLAG_DOTALL | hyperscan.CH_FLAG_SINGLEMATCH],
            )
        except hyperscan.HyperscanError:
            raise OperatorError("the pattern is none of PCRE's") from None

    def match(self, value: bytes, before: int) -> Match | None:
        """The match, `before` bytes left out at its beginning; None for none."""
        with self._busy:
            self._captured = []
            self._database.scan(
                value,
                match_event_handler=self._note,  # type: ignore[arg-type]  # the stub knows no groups
            )
            captured = self._captured
        if not captured:
            raise _TooManyStepsError
        if len(captured) == 1:  # no group at all: not even the one that tells
            return None
        whole, *groups, _ = captured
        text = value[whole[1] + before : whole[2]]
        texts = [value[start:end] if known else b"" for known, start, end in groups]
        return Match(text, (text, *texts[:_CAPTURES_MAX]))

    def _note(
        self, place: int, start: int, end: int, flags: int, captured: _Captured, context: object
    ) -> None:
        self._captured = captured


def _as_it_is(weak: "re2._Match[bytes]") -> Match:
    return Match(weak[0], (weak[0],))


def _places_max(length: int) -> int:
    """How many places of a value are asked about: that and reading up to each is linear."""
    return min(_PLACES_LEAST + length // 16, _BYTES_READ_MAX // (length + 1))
