"""Compressed bodies, unpacked no further than a limit."""

import zlib

from riskengine.seclang.bodies_contract import BodyError

_WINDOWS = {b"gzip": (31,), b"x-gzip": (31,), b"deflate": (15, -15)}


def unpack(body: bytes, content_encoding: bytes, *, limit: int) -> tuple[bytes, BodyError]:
    """The body without its content encoding (RFC 9110 §8.4), and why it could not be unpacked.

    At most `limit` bytes come out, whatever goes in: more is `too_long`. Several codings, or one
    that the standard library lacks, are `encoding`, and the body comes back as it is.
    """
    coding = content_encoding.strip().lower()
    if coding in (b"", b"identity"):
        return (body, "") if len(body) <= limit else (body[:limit], "too_long")
    for window in _WINDOWS.get(coding, ()):
        unpacker = zlib.decompressobj(window)
        try:
            unpacked = unpacker.decompress(body, limit + 1)
        except zlib.error:
            continue
        if len(unpacked) > limit:
            return unpacked[:limit], "too_long"
        return unpacked, "" if unpacker.eof and not unpacker.unused_data else "malformed"
    return body, "malformed" if coding in _WINDOWS else "encoding"
