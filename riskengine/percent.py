"""Percent decoding, one layer at a time, and what was strange about it."""

import re
from urllib.parse import unquote_to_bytes

_ESCAPE = re.compile(rb"%(?:[0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})")
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})")
_IIS = re.compile(rb"%[uU]([0-9A-Fa-f]{4})")
# ASCII spelled in two, three or four bytes (RFC 3629 §3 forbids it; old decoders took it).
_OVERLONG = re.compile(
    rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80\x81][\x80-\xbf]|\xf0\x80[\x80\x81][\x80-\xbf]"
)
_CONTROL = re.compile(r"[\x01-\x1f\x7f]")
_CONTROL_NOT_LAYOUT = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LATIN_1 = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}


def to_bytes(text: str) -> bytes:
    """The bytes of a raw path or query. Never fails: a lone surrogate becomes invalid UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def has_escape(data: bytes) -> bool:
    """Whether there is anything left to decode."""
    return b"%" in data and _ESCAPE.search(data) is not None


def has_broken_escape(data: bytes) -> bool:
    """Whether a `%` stands without two hexadecimal digits (or `u` and four) behind it."""
    return b"%" in data and _BROKEN.search(data) is not None


def decode_layer(data: bytes, oddities: set[str]) -> bytes:
    """`data` with one layer of `%41` and `%u0041` decoded; broken escapes stay as they are.

    Overlong UTF-8 becomes the ASCII character that it hides. Adds `iis_encoding` and
    `overlong_utf8` to `oddities`.
    """
    if _IIS.search(data):
        oddities.add("iis_encoding")
        data = b"".join(_decode_iis(data))
    else:
        data = unquote_to_bytes(data)
    if _OVERLONG.search(data):
        oddities.add("overlong_utf8")
        data = _OVERLONG.sub(_shorten, data)
    return data


def to_text(data: bytes, oddities: set[str]) -> str:
    """`data` as text. Bytes that are not UTF-8 are read as Latin-1 and named `invalid_utf8`."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        oddities.add("invalid_utf8")
        return data.decode("utf-8", "surrogateescape").translate(_LATIN_1)


def name_controls(text: str, oddities: set[str], *, layout: bool = False) -> None:
    """Add `nul` and `control_character` where `text` has them; `layout` permits tab, CR and LF."""
    if text.isprintable():
        return
    if "\0" in text:
        oddities.add("nul")
    if (_CONTROL_NOT_LAYOUT if layout else _CONTROL).search(text):
        oddities.add("control_character")


def _decode_iis(data: bytes) -> list[bytes]:
    """The decoded pieces: plain text at even places, four hexadecimal digits between them."""
    pieces = _IIS.split(data)
    return [
        chr(int(piece, 16)).encode("utf-8", "surrogatepass") if odd % 2 else unquote_to_bytes(piece)
        for odd, piece in enumerate(pieces)
    ]


def _shorten(match: re.Match[bytes]) -> bytes:
    """The ASCII byte that an overlong sequence stands for: seven bits of its last two bytes."""
    sequence = match[0]
    return bytes([(sequence[-2] & 0x01) << 6 | (sequence[-1] & 0x3F)])
