"""Which headers are passed on, and which are ours to write (RFC 9110 §7.6).

Headers are bytes all the way, so that nothing is changed by being read and written again.
"""

from collections.abc import Iterable, Sequence

Pairs = Sequence[tuple[bytes, bytes]]
"""Lower-case names and values, in wire order."""

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_OURS = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-request-id",
    }
)
_NOT_PASSED = _HOP_BY_HOP | _OURS | {b"expect", b"host", b"content-length"}
_VIA = (b"via", b"1.1 riskengine")


def lowered(headers: Iterable[tuple[bytes, bytes]]) -> Pairs:
    """The same headers with names in lower case."""
    return [(name.lower(), value) for name, value in headers]


def decoded(headers: Pairs) -> tuple[tuple[str, str], ...]:
    """Names and values as text."""
    return tuple([(name.decode("latin-1"), _text(value)) for name, value in headers])


def request_headers(
    headers: Pairs,
    *,
    host: str,
    peer: str,
    proto: str,
    request_id: str,
    trusted: bool,
) -> list[tuple[bytes, bytes]]:
    """What a service is sent, but for the framing of the body.

    `peer` is the other end of the connection. What it says of those before it is kept when it is
    trusted, and replaced when it is not.
    """
    dropped = _not_passed(headers, _NOT_PASSED)
    kept = [
        pair
        for pair in headers
        if pair[0] not in dropped and not (b"_" in pair[0] and _mimics(pair[0]))
    ]
    before = [value for name, value in headers if name == b"x-forwarded-for"] if trusted else []
    first_host = _first(headers, b"x-forwarded-host") if trusted else b""
    own_host = host.encode("utf-8", "surrogateescape")
    return [
        (b"host", own_host),
        *kept,
        (b"x-forwarded-for", b", ".join([*before, peer.encode()])),
        (b"x-forwarded-host", first_host or own_host),
        (b"x-forwarded-proto", proto.encode()),
        (b"x-request-id", request_id.encode("utf-8", "surrogateescape")),
        _VIA,
    ]


def answer_headers(headers: Pairs) -> list[tuple[bytes, bytes]]:
    """What a client is sent of a service's answer; the framing is written anew."""
    dropped = _not_passed(headers, _HOP_BY_HOP)
    return [pair for pair in headers if pair[0] not in dropped]


def _not_passed(headers: Pairs, always: frozenset[bytes]) -> frozenset[bytes]:
    """Those that never pass, and those that Connection says are for this hop alone."""
    named = [value for name, value in headers if name == b"connection"]
    if not named:
        return always
    return always.union(
        [word.strip(b" \t").lower() for value in named for word in value.split(b",")]
    )


def _mimics(name: bytes) -> bool:
    """Whether a service that reads `_` as `-` would take it for one of ours."""
    return name.replace(b"_", b"-") in _OURS


def _first(headers: Pairs, wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
