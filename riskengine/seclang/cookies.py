"""The Cookie header as ModSecurity takes it apart (RFC 6265 §4.2, without its strictness)."""

COOKIES_MAX = 256
"""Cookies of one header that are read; the rest is left alone."""


def parse_cookies(value: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values, in order, undecoded. A cookie without `=` has an empty value."""
    cookies = []
    for piece in value.split(b";", COOKIES_MAX)[:COOKIES_MAX]:
        name, _, content = piece.strip().partition(b"=")
        if name:
            cookies.append((name, content))
    return cookies
