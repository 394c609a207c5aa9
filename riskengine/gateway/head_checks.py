"""Refuses request heads that two servers could read in two ways.

The parser refuses most of them already; what it lets pass is refused here, before anything is
forwarded. Sources: RFC 9112 §3.2, §6.1, §6.3 and §11.2; RFC 9110 §7.2.
"""

import re

from riskengine.gateway.problems import Refusal, malformed

RawHeaders = tuple[tuple[bytes, bytes], ...]

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(:[0-9]{0,5})?")
_NOT_FORWARDED = frozenset({"CONNECT", "TRACE"})


def check_head(method: str, version: tuple[int, int], headers: RawHeaders) -> None:
    """Raise Refusal unless the head is plain about where it goes and where its body ends."""
    if method in _NOT_FORWARDED:
        raise Refusal(405, "request.method", f"{method} is not forwarded")
    lengths = _values(headers, b"content-length")
    codings = _values(headers, b"transfer-encoding")
    _check_host(_values(headers, b"host"), version)
    if len(lengths) > 1:
        raise malformed("Content-Length must stand there once")
    if lengths and not (lengths[0].isdigit() and len(lengths[0]) <= 18):
        raise malformed("Content-Length must be a number")
    if not codings:
        return
    if lengths:
        raise malformed("Content-Length and Transfer-Encoding exclude each other")
    if version < (1, 1):
        raise malformed("Transfer-Encoding needs HTTP/1.1")
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        raise Refusal(501, "request.coding", "the only transfer coding that is read is chunked")


def _check_host(hosts: list[bytes], version: tuple[int, int]) -> None:
    if len(hosts) > 1 or (not hosts and version >= (1, 1)):
        raise malformed("Host must stand there exactly once")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise malformed("Host must be a name or an address, and a port at most")


def _values(headers: RawHeaders, name: bytes) -> list[bytes]:
    return [value.strip(b" \t") for key, value in headers if key.lower() == name]
