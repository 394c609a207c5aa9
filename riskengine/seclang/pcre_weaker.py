r"""Patterns that are not regular, in a weaker form that is: it is found wherever the pattern is.

- A look-ahead is left out.
- A back-reference becomes the expression of its group, in either case, without what asks about
  the surroundings (`\b`, `^`, ...): the text is repeated somewhere else.
"""

import re

from riskengine.errors import OperatorError
from riskengine.seclang.pcre import TOKEN, translated

_AHEAD = re.compile(rb"\(\?[=!]")
_REFERENCE = re.compile(rb"\\(?:([1-9])|[gk]\{(-?\w+)\})")
_CAPTURE = re.compile(rb"\((?:\?P?<(?P<name>\w+)>)?")
_ASSERTIONS = (b"^", b"$", rb"\b", rb"\B", rb"\A", rb"\z", rb"\Z")
_NOTHING = b"(?:)"
"""Stands where something was left out, so that a quantifier behind it finds something."""


def is_irregular(pattern: bytes) -> bool:
    """Whether `pattern` has a look-ahead or a back-reference, which RE2 lacks."""
    return any(_is_irregular(token) for token in TOKEN.finditer(pattern))


def weaker(pattern: bytes) -> bytes:
    """The weaker form, for RE2; OperatorError where a construct has none, with its place."""
    return _Weakening().of(pattern)


def without_leading(pattern: bytes) -> bytes:
    """`pattern` without a set at its beginning that may be repeated any number of times.

    The result is found in the same values; a match begins behind what the set would have taken.
    Without this, every blank before a match would begin one.
    """
    tokens = list(TOKEN.finditer(pattern))
    at = 1 if _is_one_group(tokens) else 0
    if len(tokens) < at + 2 or not tokens[at]["set"] or tokens[at + 1][0] not in (b"*", b"*?"):
        return pattern
    return pattern[: tokens[at].start()] + pattern[tokens[at + 1].end() :]


class _Weakening:
    """One pass over a pattern."""

    def __init__(self) -> None:
        self._made: list[bytes] = []
        self._bare: list[bytes] = []
        """The same pieces for use at another place: no groups that capture, no assertions."""
        self._open: list[tuple[int, re.Match[bytes], tuple[bytes, ...]]] = []
        """Groups that are not closed: where they begin, how, and what they are called."""
        self._groups = 0
        self._texts: dict[bytes, bytes] = {}
        """What a reference stands for, by number and by name."""

    def of(self, pattern: bytes) -> bytes:
        for token in TOKEN.finditer(pattern):
            self._take(token)
        return b"".join(self._made)

    def _take(self, token: re.Match[bytes]) -> None:
        text = token[0]
        if _AHEAD.match(text):
            self._begin(token, (), b"(?:")
        elif token["escape"] and _REFERENCE.match(text):
            self._add(*[self._referred(token)] * 2)
        elif token["group"]:
            self._begin_group(token)
        elif text == b")" and self._open:
            self._end()
        else:
            self._add(translated(token), _NOTHING if text in _ASSERTIONS else translated(token))

    def _begin_group(self, token: re.Match[bytes]) -> None:
        text = translated(token)
        if text.endswith(b")"):  # `(?i)`: flags for what follows
            self._add(text, _NOTHING)
            return
        capture = _CAPTURE.fullmatch(text)
        if capture is None:
            self._begin(token, (), text)
            return
        self._groups += 1
        names = (b"%d" % self._groups, *([capture["name"]] if capture["name"] else []))
        self._begin(token, names, text)

    def _begin(self, token: re.Match[bytes], names: tuple[bytes, ...], text: bytes) -> None:
        self._open.append((len(self._made), token, names))
        self._add(text, b"(?:")

    def _end(self) -> None:
        self._add(b")", b")")
        start, token, names = self._open.pop()
        if _AHEAD.match(token[0]):
            del self._made[start:], self._bare[start:]
            self._add(_NOTHING, _NOTHING)
        self._texts |= dict.fromkeys(names, b"(?i:%s)" % b"".join(self._bare[start:]))

    def _referred(self, token: re.Match[bytes]) -> bytes:
        key = token[0][1:].strip(b"gk{}")
        if re.fullmatch(rb"-\d+", key):
            key = b"%d" % (self._groups + 1 + int(key))
        behind = token.string[token.end() : token.end() + 1]
        if key not in self._texts or (len(token[0]) == 2 and behind.isdigit()):
            raise OperatorError(
                f"the pattern refers ({token[0].decode('latin-1')} at byte {token.start()}) to "
                "something else than one of nine groups that are closed before it"
            )
        return self._texts[key]

    def _add(self, made: bytes, bare: bytes) -> None:
        self._made.append(made)
        self._bare.append(bare)


def _is_irregular(token: re.Match[bytes]) -> bool:
    if token["group"]:
        return _AHEAD.match(token[0]) is not None
    return bool(token["escape"]) and _REFERENCE.match(token[0]) is not None


def _is_one_group(tokens: list[re.Match[bytes]]) -> bool:
    """Whether one group without a capture holds all of a pattern."""
    if not tokens or not re.fullmatch(rb"\(\?[a-zA-Z-]*:", tokens[0][0]):
        return False
    depth = 0
    for token in tokens:
        depth += _depth(token)
        if not depth:
            return token is tokens[-1]
    return False


def _depth(token: re.Match[bytes]) -> int:
    if token["group"]:
        return 0 if token[0].endswith(b")") else 1
    return -1 if token[0] == b")" else 0
