"""The headers of a request: what it shares with others, and what is its own.

A browser says the same of itself all day, but for a few headers that tell its session, the page it
comes from or the number of the request. Without those, a shop sees a few hundred different heads,
and what follows from a head is found out once.
"""

from collections.abc import Callable
from itertools import chain
from typing import TypeVar

T = TypeVar("T")
Pairs = tuple[tuple[str, str], ...]

SHARED_MAX = 4_096
SHARED_LENGTH_MAX = 4_096
"""Characters of names and values; longer heads are hardly sent twice, and would fill memory."""

OWN = frozenset(
    {
        "authorization", "baggage", "cf-connecting-ip", "cf-ray", "cookie", "if-modified-since",
        "if-none-match", "proxy-authorization", "range", "referer", "sentry-trace", "traceparent",
        "tracestate", "true-client-ip", "x-amzn-trace-id", "x-api-key", "x-auth-token",
        "x-b3-parentspanid", "x-b3-spanid", "x-b3-traceid", "x-client-ip",
        "x-cloud-trace-context", "x-correlation-id", "x-csrf-token", "x-envoy-external-address",
        "x-forwarded-for", "x-real-ip", "x-request-id", "x-request-start",
    }
)  # fmt: skip
"""Names of headers whose values differ from client to client, page to page, request to request."""


class Head:
    """Headers without the values of those in `OWN`. Equal ones are one object, unless long."""

    __slots__ = ("by_name", "is_shared", "own_places", "pairs", "text")

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        """Lower-case name and value, in wire order; the value is empty where it is left out."""
        self.text = "".join(chain.from_iterable(pairs))
        """All of them, one after the other."""
        self.by_name = dict(pairs)
        """Last value of each; not to be changed, because others read it, too."""
        self.own_places = tuple([at for at, (name, _) in enumerate(pairs) if name in OWN])
        """Where in `pairs` values are left out."""
        self.is_shared = len(self.text) <= SHARED_LENGTH_MAX


class Headers:
    """The headers of one request."""

    __slots__ = ("head", "own", "pairs")

    def __init__(self, pairs: Pairs, head: Head) -> None:
        self.pairs = pairs
        """Lower-case name and value, in wire order."""
        self.head = head
        self.own = tuple([pairs[at] for at in head.own_places])
        """Those whose values the head leaves out, in wire order."""

    def get(self, name: str) -> str | None:
        """The last value of a header; None where it was not sent."""
        if name not in OWN:
            return self.head.by_name.get(name)
        return next((value for known, value in reversed(self.own) if known == name), None)

    def by_name(self) -> dict[str, str]:
        """The last value of each."""
        return self.head.by_name | dict(self.own)


class ByHead(dict[Head, T]):
    """What `find` makes of a head, remembered: `known[head]`.

    A dict that fills itself, so that what is known costs no Python frame.
    """

    def __init__(self, find: Callable[[Head], T]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, head: Head) -> T:
        found = self._find(head)
        if head.is_shared:
            if len(self) >= SHARED_MAX:
                self.clear()
            self[head] = found
        return found


class _Heads(dict[Pairs, Head]):
    def __missing__(self, pairs: Pairs) -> Head:
        head = Head(pairs)
        if head.is_shared:
            if len(self) >= SHARED_MAX:
                self.clear()
            self[pairs] = head
        return head


_heads = _Heads()
_left_out = {name: (name, "") for name in OWN}.get


def headers_of(pairs: Pairs) -> Headers:
    """`pairs` with the one head for them."""
    return Headers(pairs, _heads[tuple([_left_out(pair[0]) or pair for pair in pairs])])
