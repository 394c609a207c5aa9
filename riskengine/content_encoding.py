"""Bodies that were sent compressed, unpacked no further than a limit."""

import zlib
from collections.abc import Iterable
from typing import Literal, NamedTuple

UNPACKED_MAX = 256 * 1024
"""Bytes that a body may unpack to: as many as a call over gRPC may bring of a plain one."""

Fault = Literal["", "malformed", "too_long", "encoding"]
"""Why a body is not there unpacked, or not all of it."""

_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
_PLAIN = ("", "identity")
_SHOWN_MAX = 40


class Unpacked(NamedTuple):
    """A body without its content encoding, as far as it could be unpacked."""

    body: bytes
    """As it was sent where nothing could be unpacked."""
    fault: Fault = ""
    detail: str = ""
    """What is wrong, in words; empty where nothing is."""


NO_BODY = Unpacked(b"")


def content_encoding(headers: Iterable[tuple[str, str]]) -> str:
    """The codings that the headers (names in lower case) name, joined by commas; empty for none."""
    codings = [value for name, value in headers if name == "content-encoding"]
    return ", ".join(codings).strip().lower()


def is_packed(coding: str) -> bool:
    """Whether a body of that content encoding has to be unpacked."""
    return coding not in _PLAIN


def unpack(body: bytes, coding: str, *, whole: bool = True, limit: int = UNPACKED_MAX) -> Unpacked:
    """The body without its content encoding (RFC 9110 §8.4); never fails.

    gzip and deflate are read, the latter with and without its frame (RFC 1950). At most `limit`
    bytes come out, whatever goes in: more is `too_long`. Several codings, or another one, are
    `encoding`. A body that ends too early is `malformed`, unless the gateway cut it (not `whole`).
    """
    if not is_packed(coding):
        return Unpacked(body)
    if coding not in _WINDOWS:
        named = repr(coding[:_SHOWN_MAX])
        return Unpacked(body, "encoding", f"its encoding is {named}, not gzip or deflate alone")
    for window in _WINDOWS[coding]:
        unpacker = zlib.decompressobj(window)
        try:
            unpacked = unpacker.decompress(body, limit + 1)
        except zlib.error:
            continue
        if len(unpacked) > limit:
            return Unpacked(unpacked[:limit], "too_long", f"it unpacks to more than {limit} bytes")
        return Unpacked(unpacked, *_ending(unpacker.eof, unpacker.unused_data, coding, whole))
    return Unpacked(body, "malformed", f"it is not {coding}, though it says so")


def _ending(ended: bool, behind: bytes, coding: str, whole: bool) -> tuple[Fault, str]:
    if behind:
        return "malformed", f"something stands behind the end of its {coding}"
    if whole and not ended:
        return "malformed", f"its {coding} ends too early"
    return "", ""
