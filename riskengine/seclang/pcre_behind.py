"""A negative look-behind in front of one character, in words that need no look-behind.

`(?<!ab|c);` asks for a semicolon that neither `ab` nor `c` stands before. What may stand before it
is told by the words read backwards: the beginning of the value or another character, then the end
of a word. Such a pattern is found in the same values; what it matches begins a word earlier.
"""

import re
from collections.abc import Iterable
from itertools import product

_BEHIND = re.compile(rb"\(\?<!((?:[^()\\]|\(\?:[^()|\\]*\))+)\)([;:,&=])(?=\||\Z)")
_PART = re.compile(rb"\[(?P<set>[A-Za-z0-9]+)\]|(?P<plain>[A-Za-z0-9&#])")
_WORDS_MAX = 200

_Tree = dict[int, "_Tree"]
_END = -1
"""The key that says that a word ends here."""


def without_look_behind(pattern: bytes) -> bytes:
    """`pattern`, rewritten where it begins with such a look-behind that lists words."""
    found = _BEHIND.match(pattern)
    words = _words(found[1]) if found else None
    if found is None or words is None:
        return pattern
    before = b"|".join(_others(_backwards(words), b""))
    return b"(?:%s)%s" % (before, found[2]) + pattern[found.end() :]


def _words(alternatives: bytes) -> list[bytes] | None:
    """All words that the alternatives stand for; None where they are no short list of words."""
    words: list[bytes] = []
    for alternative in alternatives.split(b"|"):
        plain = alternative.replace(b"(?:", b"").replace(b")", b"")
        parts = list(_PART.finditer(plain))
        if b"".join(part[0] for part in parts) != plain or not parts:
            return None
        choices = [part["set"] or part["plain"] for part in parts]
        words += [bytes(word) for word in product(*choices)]
        if len(words) > _WORDS_MAX:
            return None
    return words


def _backwards(words: Iterable[bytes]) -> _Tree:
    tree: _Tree = {}
    for word in words:
        node = tree
        for sign in reversed(word):
            node = node.setdefault(sign, {})
        node[_END] = {}
    return tree


def _others(node: _Tree, after: bytes) -> list[bytes]:
    """What may stand before, given that it ends with `after`: all but the words."""
    if _END in node:
        return []
    signs = b"".join(re.escape(bytes([sign])) for sign in sorted(node))
    found = [rb"(?:\A|[^%s])%s" % (signs, re.escape(after))]
    for sign, deeper in sorted(node.items()):
        found += _others(deeper, bytes([sign]) + after)
    return found
