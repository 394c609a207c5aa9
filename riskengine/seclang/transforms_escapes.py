"""Escapes inside HTML, JavaScript, CSS and C strings."""

import re
from html.entities import html5

_ENTITY = re.compile(rb"&(?:#[xX]([0-9a-fA-F]++);?|#([0-9]++);?|([a-zA-Z][a-zA-Z0-9]{0,31}+;?))")
_JS = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-3]?[0-7]{1,2})|(.))", re.DOTALL)
_C = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(x)|(.))", re.DOTALL)
_CSS = re.compile(rb"\\(?:([0-9a-fA-F]{1,6}+)[ \t\n\r\f]?|(\n)|(.)|\Z)", re.DOTALL)
_LETTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}
_DIGITS_MAX = 7  # more digits than any code point has
_LEGACY = frozenset(name.encode() for name in html5 if not name.endswith(";"))
_LEGACY_MAX = max(map(len, _LEGACY))
_MAY_BE_ENTITY = re.compile(
    rb"&(?:#|[a-z][a-z0-9]{0,31};|%s)" % b"|".join(sorted(_LEGACY)), re.IGNORECASE
)


def html_entity_decode(value: bytes) -> bytes:
    """HTML character references (HTML §13.5) decoded once, numeric ones without `;` too.

    What is below 256 becomes one byte, as in ModSecurity, everything else UTF-8.
    """
    return _ENTITY.sub(_entity, value) if may_hold_entity(value) else value


def may_hold_entity(value: bytes) -> bool:
    """Whether `html_entity_decode` may change it, in any case of its letters.

    Most `&` of honest requests stand between parameters.
    """
    return b"&" in value and _MAY_BE_ENTITY.search(value) is not None


def js_decode(value: bytes) -> bytes:
    r"""`\n`, `\x41`, `\u0041` and `\101` of JavaScript decoded; full-width signs become ASCII."""
    return _JS.sub(_js, value) if b"\\" in value else value


def escape_seq_decode(value: bytes) -> bytes:
    r"""ANSI C escapes decoded; a broken `\x` stays as it is, any other `\y` becomes `y`."""
    return _C.sub(_c, value) if b"\\" in value else value


def css_decode(value: bytes) -> bytes:
    r"""CSS 2 escapes (§4.1.3) decoded: up to six digits and one space; `\` and a newline vanish."""
    return _CSS.sub(_css, value) if b"\\" in value else value


def _entity(match: re.Match[bytes]) -> bytes:
    hexadecimal, decimal, name = match.groups()
    if name is not None:
        return _named(name)
    digits, base = (hexadecimal, 16) if hexadecimal is not None else (decimal, 10)
    digits = digits.lstrip(b"0")[: _DIGITS_MAX + 1]
    point = int(digits, base) if digits else 0
    return match[0] if len(digits) > _DIGITS_MAX else _character(point, match[0])


def _named(name: bytes) -> bytes:
    character = html5.get(name.decode())
    if character is not None:
        return _short(character)
    for end in range(min(len(name), _LEGACY_MAX), 1, -1):
        if name[:end] in _LEGACY:
            return _short(html5[name[:end].decode()]) + name[end:]
    return b"&" + name


def _short(character: str) -> bytes:
    return character.encode("latin-1" if max(character) < "\u0100" else "utf-8")


def _character(point: int, unreadable: bytes) -> bytes:
    if point < 0x100:
        return bytes([point])
    if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        return unreadable
    return chr(point).encode()


def _js(match: re.Match[bytes]) -> bytes:
    unicode, hexadecimal, octal, letter = match.groups()
    if letter is not None:
        return _LETTERS.get(letter, letter)
    if unicode is not None:
        return bytes([_narrow(int(unicode, 16)) & 0xFF])
    return bytes([int(hexadecimal, 16) if hexadecimal is not None else int(octal, 8)])


def _c(match: re.Match[bytes]) -> bytes:
    hexadecimal, octal, broken, letter = match.groups()
    if letter is not None:
        return _LETTERS.get(letter, letter)
    if broken is not None:
        return match[0]
    return bytes([int(hexadecimal, 16) if hexadecimal is not None else int(octal, 8) & 0xFF])


def _css(match: re.Match[bytes]) -> bytes:
    digits, newline, letter = match.groups()
    if digits is None:
        return letter if letter is not None and newline is None else b""
    point = _narrow(int(digits, 16))
    if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        point = 0xFFFD
    return bytes([point]) if point < 0x100 else chr(point).encode()


def _narrow(point: int) -> int:
    """The ASCII character of a full-width one (U+FF01 to U+FF5E)."""
    return point - 0xFEE0 if 0xFF01 <= point <= 0xFF5E else point
