"""Refuses request heads that two servers could read in two ways.

The parser refuses most of them already; what it lets pass is refused here, before anything is
forwarded. Sources: RFC 9112 §3.2, §6.1, §6.3 and §11.2; RFC 9110 §7.2.
"""

import re

from riskengine.gateway.hop_headers import Pairs
from riskengine.gateway.problems import Refusal, malformed

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(:[0-9]{0,5})?")
_NOT_FORWARDED = frozenset({"CONNECT", "TRACE"})


def check_head(method: str, version: tuple[int, int], headers: Pairs) -> None:
    """Raise Refusal unless the head is plain about where it goes and where its body ends.

    Names of `headers` are in lower case.
    """
    if method in _NOT_FORWARDED:
        raise Refusal(405, "request.method", f"{method} is not forwarded")
    values, names = dict(headers), [name for name, _ in headers]
    _check_host(values.get(b"host"), names.count(b"host"), version)
    length, coding = values.get(b"content-length"), values.get(b"transfer-encoding")
    if length is not None:
        _check_length(length, names.count(b"content-length"))
    if coding is None:
        return
    if length is not None:
        raise malformed("Content-Length and Transfer-Encoding exclude each other")
    if version < (1, 1):
        raise malformed("Transfer-Encoding needs HTTP/1.1")
    if names.count(b"transfer-encoding") > 1 or coding.strip(b" \t").lower() != b"chunked":
        raise Refusal(501, "request.coding", "the only transfer coding that is read is chunked")


def _check_host(host: bytes | None, count: int, version: tuple[int, int]) -> None:
    if count > 1 or (host is None and version >= (1, 1)):
        raise malformed("Host must stand there exactly once")
    if host is not None and not _HOST.fullmatch(host.strip(b" \t")):
        raise malformed("Host must be a name or an address, and a port at most")


def _check_length(length: bytes, count: int) -> None:
    if count > 1:
        raise malformed("Content-Length must stand there once")
    stripped = length.strip(b" \t")
    if not (stripped.isdigit() and len(stripped) <= 18):
        raise malformed("Content-Length must be a number")
