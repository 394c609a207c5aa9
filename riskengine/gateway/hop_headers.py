"""Which headers are passed on, and which are ours to write (RFC 9110 §7.6)."""

from collections.abc import Iterable

from riskengine.gateway.head_checks import RawHeaders

Headers = list[tuple[str, str]]

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_ENDS_HERE = _HOP_BY_HOP | {"expect", "host", "content-length"}
_OURS = frozenset(
    {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"}
)
_VIA = "1.1 riskengine"


def decoded(headers: RawHeaders) -> tuple[tuple[str, str], ...]:
    """Lower-case names and values, in wire order."""
    return tuple((name.decode("latin-1").lower(), _text(value)) for name, value in headers)


def request_headers(
    headers: Iterable[tuple[str, str]],
    *,
    host: str,
    peer: str,
    proto: str,
    request_id: str,
    trusted: bool,
) -> Headers:
    """What a service is sent, but for the framing of the body.

    `peer` is the other end of the connection. What it says of those before it is kept when it is
    trusted, and replaced when it is not.
    """
    told = list(headers)
    dropped = _named_by_connection(told) | _ENDS_HERE | _OURS
    kept = [pair for pair in told if pair[0] not in dropped and not _mimics(pair[0])]
    before = [value for name, value in told if name == "x-forwarded-for"] if trusted else []
    first_host = _first(told, "x-forwarded-host") if trusted else ""
    return [
        ("host", host),
        *kept,
        ("x-forwarded-for", ", ".join([*before, peer])),
        ("x-forwarded-host", first_host or host),
        ("x-forwarded-proto", proto),
        ("x-request-id", request_id),
        ("via", _VIA),
    ]


def answer_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """What a client is sent of a service's answer; the framing is written anew."""
    told = list(headers)
    dropped = _named_by_connection(told) | _HOP_BY_HOP
    return [pair for pair in told if pair[0] not in dropped]


def _named_by_connection(headers: Headers) -> set[str]:
    """Headers that Connection says are for this hop alone."""
    return {
        word.strip().lower()
        for name, value in headers
        if name == "connection"
        for word in value.split(",")
    }


def _mimics(name: str) -> bool:
    """Whether a service that reads `_` as `-` would take it for one of ours."""
    return "_" in name and name.replace("_", "-") in _OURS


def _first(headers: Headers, wanted: str) -> str:
    return next((value for name, value in headers if name == wanted), "")


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
