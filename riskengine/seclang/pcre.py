r"""PCRE patterns in the words of RE2: what is the same is translated, the rest has a named cause.

- Possessive quantifiers (`a*+`) and atomic groups (`(?>a)`) become ordinary ones. They save a
  backtracking engine time. Where they also narrow what matches, the ordinary form matches more;
  no pattern of the CRS does that.
- `\s` takes the vertical tab and `\h` is space or tab, as in PCRE; `\Z` is `\n?\z`.
- A negative look-behind that lists words, at the beginning, is told without one (pcre_behind.py).
- Other look-around, back-references, recursion, conditions and `\G` are refused: most of them are
  not regular. For look-ahead and back-references there is another way (pcre_weaker.py).
"""

import re

from riskengine.errors import OperatorError
from riskengine.seclang.pcre_behind import without_look_behind

TOKEN = re.compile(
    rb"""
    (?P<escape>\\(?:x\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{0,2}|[pPgk]\{[^}]*\}|Q.*?(?:\\E|\Z)|.))
    |(?P<set>\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\])
    |(?P<group>\(\?(?:[:>=!|\#R&(]|<[=!]|P?<\w+>|P[=>]|'|[0-9+-]|[a-zA-Z-]*[:)])|\(\*|\()
    |(?P<quantifier>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})[?+]?)
    |(?P<plain>.)
    """,
    re.DOTALL | re.VERBOSE,
)
"""The pieces of a pattern, one behind the other."""
_ESCAPES = {rb"\s": rb"[\s\x0b]", rb"\S": rb"[^\s\x0b]", rb"\h": rb"[ \t]", rb"\Z": rb"\n?\z"}
_SET_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|.)", re.DOTALL)
_SET_ESCAPES = {rb"\s": rb"\s\x0b", rb"\h": rb" \t", rb"\b": rb"\x08", rb"\e": rb"\x1b"}
_REFUSED = [
    (re.compile(rb"\(\?<?[=!]"), "look-around"),
    (re.compile(rb"\\[1-9gk]|\(\?P="), "a back-reference"),
    (re.compile(rb"\(\?(?:R|&|P>|[0-9+])"), "recursion"),
    (re.compile(rb"\(\?\("), "a condition"),
    (re.compile(rb"\(\?\|"), "a branch reset"),
    (re.compile(rb"\(\*"), "a backtracking verb"),
    (re.compile(rb"\\[GKRXCN]"), "an escape that only a backtracking engine has"),
]


def to_re2(pattern: bytes) -> bytes:
    """`pattern` for RE2; raises OperatorError naming the construct and its place."""
    pattern = without_look_behind(pattern)
    return b"".join([translated(token) for token in TOKEN.finditer(pattern)])


def translated(token: re.Match[bytes]) -> bytes:
    """One piece of a pattern for RE2; OperatorError as above."""
    text = token[0]
    if token["set"]:
        return _SET_ESCAPE.sub(_in_set, text)
    if token["quantifier"]:
        return text[:-1] if len(text) > 1 and text.endswith(b"+") else text
    if token["group"] or token["escape"]:
        _refuse(token)
    if text == b"(?>":
        return b"(?:"
    return _ESCAPES.get(text, text)


def _in_set(escape: re.Match[bytes]) -> bytes:
    if escape[1]:  # octal: there are no back-references in a set
        return rb"\x%02x" % (int(escape[1], 8) & 0xFF)
    return _SET_ESCAPES.get(escape[0], escape[0])


def _refuse(token: re.Match[bytes]) -> None:
    for construct, name in _REFUSED:
        if construct.match(token[0]):
            shown = token[0].decode("latin-1")
            raise OperatorError(
                f"the pattern has {name} ({shown} at byte {token.start()}), "
                "which no engine with linear time offers"
            )
