"""Percent encoding as ModSecurity reads it, `%u0041` included."""

import re
import unicodedata
from binascii import a2b_qp
from functools import cache
from urllib.parse import unquote_to_bytes

_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_IIS = re.compile(rb"%[uU]([0-9A-Fa-f]{4})")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_PLAIN = frozenset(b"*0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_ENCODED = [
    b"+" if byte == 0x20 else bytes([byte]) if byte in _PLAIN else b"%%%02x" % byte
    for byte in range(256)
]
# Characters that Windows reads as an ASCII one (best fit of code page 20127) and that Unicode's own
# compatibility decomposition does not explain.
_LOOK_ALIKES = {
    **dict.fromkeys([0xA1, 0x01C3], ord("!")),
    **dict.fromkeys([0x02BA, 0x030E, 0x201C, 0x201D, 0x201E], ord('"')),
    **dict.fromkeys([0x02B9, 0x02BC, 0x02C8, 0x2018, 0x2019, 0x201A, 0x2032], ord("'")),
    **dict.fromkeys([0x02CB, 0x0300, 0x2035], ord("`")),
    **dict.fromkeys([0xAD, 0x2010, 0x2011, 0x2013, 0x2014, 0x2212], ord("-")),
    **dict.fromkeys([0x02CD, 0x0331, 0x0332, 0x2017], ord("_")),
    **dict.fromkeys([0xB7, 0x2022, 0x2026], ord(".")),
    **dict.fromkeys([0xB8, 0x0327], ord(",")),
    **dict.fromkeys([0xAB, 0x2039, 0x2329, 0x3008], ord("<")),
    **dict.fromkeys([0xBB, 0x203A, 0x232A, 0x3009], ord(">")),
    **dict.fromkeys([0x2044, 0x2215], ord("/")),
    **dict.fromkeys([0x02C4, 0x02C6, 0x0302, 0x2303], ord("^")),
    **dict.fromkeys([0x02DC, 0x0303, 0x223C], ord("~")),
    **dict.fromkeys([0x0589, 0x2236], ord(":")),
    **dict.fromkeys([0xA6, 0x01C0, 0x2223], ord("|")),
    0xA2: ord("c"),
    0xA4: ord("$"),
    0xA5: ord("Y"),
    0xA9: ord("C"),
    0xAE: ord("R"),
    0xC6: ord("A"),
    0xD0: ord("D"),
    0xD8: ord("O"),
    0xE6: ord("a"),
    0xF8: ord("o"),
    0x037E: ord(";"),
    0x066A: ord("%"),
    0x2030: ord("%"),
    0x2216: ord("\\"),
    0x2217: ord("*"),
    0x301A: ord("["),
    0x301B: ord("]"),
}


def url_decode(value: bytes) -> bytes:
    """One layer of `%41` decoded, `+` made a space; a broken escape stays."""
    if b"+" in value:
        value = value.replace(b"+", b" ")
    return percent_decoded(value) if b"%" in value else value


def url_decode_uni(value: bytes) -> bytes:
    """`url_decode`, and `%u0041`: the ASCII character that looks like it, or its low byte."""
    if b"+" in value:
        value = value.replace(b"+", b" ")
    if b"%" not in value:
        return value
    pieces = _IIS.split(value)
    if len(pieces) == 1:
        return percent_decoded(value)
    pieces[::2] = [percent_decoded(piece) for piece in pieces[::2]]
    pieces[1::2] = [_fitted(int(digits, 16)) for digits in pieces[1::2]]
    return b"".join(pieces)


def percent_decoded(value: bytes) -> bytes:
    """`%41` decoded once; a broken escape stays.

    Where none is broken, this is quoted-printable (RFC 2045 §6.7) with another sign, which the
    standard library decodes ten times faster.
    """
    if _BROKEN.search(value):
        return unquote_to_bytes(value)
    return a2b_qp(value.replace(b"=", b"=3D").replace(b"%", b"="))


def url_encode(value: bytes) -> bytes:
    """All but letters, digits and `*` in percent encoding; a space becomes `+`."""
    return b"".join([_ENCODED[byte] for byte in value])


def utf8_to_unicode(value: bytes) -> bytes:
    """Each character beyond ASCII as `%u00e9`; bytes that are not UTF-8 stay."""
    if value.isascii():
        return value
    text = value.decode("utf-8", "surrogateescape")
    return _NOT_ASCII.sub(_as_escape, text).encode("ascii", "surrogateescape")


def _as_escape(match: re.Match[str]) -> str:
    point = ord(match[0])
    return match[0] if 0xDC80 <= point <= 0xDCFF else f"%u{point:04x}"


@cache  # at most 65 536 of them
def _fitted(point: int) -> bytes:
    if point < 0x80:
        return bytes([point])
    fitted = _LOOK_ALIKES.get(point) or _decomposed(point) or point & 0xFF
    return bytes([fitted])


def _decomposed(point: int) -> int | None:
    """The one ASCII character that is left when accents and width are taken away."""
    decomposed = unicodedata.normalize("NFKD", chr(point))
    first, marks = decomposed[0], decomposed[1:]
    if not first.isascii() or (marks and not first.isalnum()):
        return None
    return ord(first) if all(unicodedata.combining(mark) for mark in marks) else None
