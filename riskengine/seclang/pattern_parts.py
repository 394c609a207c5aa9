r"""Large patterns taken apart where they stand as text: into parts, alternatives, weaker patterns.

Hyperscan does not take patterns beyond some size, and is slow long before.
`(?:;|busybox )(?:cat|ls)` is found where one of `;(?:cat|ls)` and `busybox (?:cat|ls)` is, each of
which is smaller, and the last of them only where `busybox ` is.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

_TOKEN = re.compile(
    rb"(\\(?:x[0-9a-fA-F]{2}|x\{[0-9a-fA-F]+\}|.)|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]|.)"
    rb"((?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})?\??)",
    re.DOTALL,
)
_CLOSED = re.compile(rb"(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})?\??")
_GROUP = re.compile(rb"\((?:\?:)?(?!\?)")
_FLAGS = re.compile(rb"\(\?[a-z]+\)")
_REPEATS_MIN = 8
"""In an alternative that looks for a word whatever is strewn between its letters."""
_HALVINGS = 3


class Piece(NamedTuple):
    """A part of what a pattern finds."""

    pattern: bytes
    exact: bool = True
    """Whether it is found only where the pattern is that it is a part of."""


def pieces_of(pattern: bytes, is_accepted: Callable[[bytes], bool]) -> list[Piece]:
    """Patterns of which one is found wherever `pattern` is.

    Where it begins with one of several signs, or words with anything strewn between their letters,
    the words are set apart, without what follows: no scan is fast that looks for both together.
    """
    parts = parts_of(pattern)
    place = 1 if _FLAGS.match(pattern) else 0
    alternatives = _alternatives(parts[place]) if place < len(parts) else []
    words = [one for one in alternatives if one.count(b"*") >= _REPEATS_MIN]
    signs = [one for one in alternatives if one.count(b"*") < _REPEATS_MIN]
    if not words or not signs:
        return [Piece(pattern)]
    halves = _halved(_with(parts, place, signs), is_accepted, _HALVINGS)
    if not all(map(is_accepted, halves)):
        return [Piece(pattern)]
    alone = _with(parts[: place + 1], place, words)
    return [*map(Piece, halves), Piece(alone, exact=False)]


def weakened(pattern: bytes) -> list[bytes]:
    """Ever weaker patterns, each found wherever `pattern` is: its largest parts left out."""
    parts = parts_of(pattern)
    result = []
    while len(parts) > 1:
        largest = max(range(len(parts)), key=lambda place: len(parts[place]))
        if len(parts[largest]) < 16:
            break
        parts[largest] = b".*"
        result.append(b"".join(parts))
    return result


def _halved(pattern: bytes, is_accepted: Callable[[bytes], bool], times: int) -> list[bytes]:
    """The alternatives of the largest group halved, until all is accepted or nothing left to do."""
    parts = parts_of(pattern)
    place = max(range(len(parts)), key=lambda place: len(parts[place]))
    alternatives = _alternatives(parts[place])
    middle = len(alternatives) // 2
    if not times or not middle or is_accepted(pattern):
        return [pattern]
    return [
        piece
        for half in (alternatives[:middle], alternatives[middle:])
        for piece in _halved(_with(parts, place, half), is_accepted, times - 1)
    ]


def _with(parts: list[bytes], place: int, alternatives: list[bytes]) -> bytes:
    """All parts as one pattern, with other alternatives in the group at `place`."""
    return b"".join([*parts[:place], b"(?:%s)" % b"|".join(alternatives), *parts[place + 1 :]])


def _alternatives(part: bytes) -> list[bytes]:
    """Those of a group that is neither repeated nor has flags; none for other parts."""
    opened = _GROUP.match(part)
    if opened is None or _group_end(part, 0) != len(part):
        return []
    inner = part[opened.end() : -1]
    ends = [-1]
    at = 0
    while at < len(inner):
        if inner[at : at + 1] == b"|":
            ends.append(at)
            at += 1
        else:
            at = _part_end(inner, at)
    return [
        inner[start + 1 : end] for start, end in zip(ends, [*ends[1:], len(inner)], strict=True)
    ]


def parts_of(pattern: bytes) -> list[bytes]:
    """What stands one behind the other at the top of a pattern; one part where `|` stands there."""
    flags = _FLAGS.match(pattern)
    at = flags.end() if flags else 0
    parts = [pattern[:at]] if at else []
    while at < len(pattern):
        if pattern[at : at + 1] == b"|":
            return [pattern]
        end = _part_end(pattern, at)
        parts.append(pattern[at:end])
        at = end
    return parts


def _part_end(pattern: bytes, at: int) -> int:
    """Where the part that begins at `at` ends, its quantifier included."""
    if pattern[at : at + 1] == b"(":
        end = _group_end(pattern, at)
        closed = _CLOSED.match(pattern, end)
        return closed.end() if closed else end
    token = _TOKEN.match(pattern, at)
    return token.end() if token else len(pattern)


def _group_end(pattern: bytes, at: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(pattern, at):
        depth += {b"(": 1, b")": -1}.get(token[1], 0)
        if not depth:
            return token.start() + 1
    return len(pattern)
