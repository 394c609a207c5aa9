"""Base64, hexadecimal, digests and parity."""

import binascii
import hashlib
import re

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64) - set(b"="))
_PREFIX = re.compile(rb"[A-Za-z0-9+/\r\n]*")
_SQL_HEX = re.compile(rb"0[xX]((?:[0-9a-fA-F]{2})+)")
_EVEN = bytes(byte & 0x7F | (byte & 0x7F).bit_count() % 2 << 7 for byte in range(256))
_ODD = bytes(even ^ 0x80 for even in _EVEN)
_ZERO = bytes(byte & 0x7F for byte in range(256))


def base64_decode(value: bytes) -> bytes:
    """What the value says in base64, up to the first sign that is not base64."""
    prefix = _PREFIX.match(value)
    return _base64(prefix[0].translate(None, b"\r\n") if prefix else b"")


def base64_decode_ext(value: bytes) -> bytes:
    """What the value says in base64 when every other sign is left out (RFC 2045 §6.8)."""
    return _base64(value.translate(None, _NOT_BASE64).partition(b"=")[0])


def base64_encode(value: bytes) -> bytes:
    """The value in base64, on one line."""
    return binascii.b2a_base64(value, newline=False)


def hex_decode(value: bytes) -> bytes:
    """The bytes that pairs of digits stand for; nothing when anything else is among them."""
    try:
        return binascii.unhexlify(value)
    except binascii.Error:
        return b""


def hex_encode(value: bytes) -> bytes:
    """Two lower-case digits for each byte."""
    return binascii.hexlify(value)


def sql_hex_decode(value: bytes) -> bytes:
    """Every `0x414243` replaced by what it stands for in MySQL."""
    return _SQL_HEX.sub(lambda match: binascii.unhexlify(match[1]), value)


def md5(value: bytes) -> bytes:
    """The raw MD5 digest."""
    return hashlib.md5(value, usedforsecurity=False).digest()


def sha1(value: bytes) -> bytes:
    """The raw SHA-1 digest."""
    return hashlib.sha1(value, usedforsecurity=False).digest()


def parity_even_7bit(value: bytes) -> bytes:
    """The eighth bit set so that each byte has an even number of ones."""
    return value.translate(_EVEN)


def parity_odd_7bit(value: bytes) -> bytes:
    """The eighth bit set so that each byte has an odd number of ones."""
    return value.translate(_ODD)


def parity_zero_7bit(value: bytes) -> bytes:
    """The eighth bit cleared."""
    return value.translate(_ZERO)


def _base64(signs: bytes) -> bytes:
    """The whole bytes of clean base64; a single sign left over says nothing."""
    if len(signs) % 4 == 1:
        signs = signs[:-1]
    return binascii.a2b_base64(signs + b"=" * (-len(signs) % 4))
