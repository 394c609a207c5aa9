"""Reads the request target: where a request goes, in the one form that is passed on."""

import re
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from riskengine.gateway.problems import malformed

_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class Target(NamedTuple):
    """A target in origin form (RFC 9112 §3.2.1)."""

    path: str
    """Raw, without the query."""
    query: str
    authority: str
    """What an absolute target names; it then stands in place of Host (RFC 9112 §3.2.2)."""
    text: str
    """Path and query as they are passed on: printable ASCII."""


def read_target(written: str) -> Target:
    """The target; Refusal for one that no client sends in earnest."""
    authority = ""
    if match := _ABSOLUTE.fullmatch(written):
        authority, written = match[1], match[2]
        if "@" in authority or not authority:
            raise malformed("the target must name a host, and no user")
        written = written if written.startswith("/") else "/" + written
    if not written.startswith("/") or "#" in written:
        raise malformed("the target must be a path that begins with /, without fragment")
    text = quote_from_bytes(written.encode("utf-8", "surrogateescape"), safe=_PRINTABLE)
    path, _, query = text.partition("?")
    return Target(path, query, authority, text)
