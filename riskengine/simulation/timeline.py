"""Many clients, one stream: merges requests by time and holds only the clients that are active."""

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime

from riskengine.records.lines import RequestLine

Client = tuple[datetime, Iterator[RequestLine]]
"""When a client comes, and what it sends from then on, in order of time."""

_Active = tuple[datetime, int, RequestLine, Iterator[RequestLine]]


def in_time_order(clients: Iterable[Client]) -> Iterator[RequestLine]:
    """Every line of every client, by time; ties go to the client that came first.

    Clients are given in order of arrival. One is started only when the stream reaches its
    arrival, so memory grows with those active at once, not with all.
    """
    active: list[_Active] = []
    for serial, (arrival, lines) in enumerate(clients):
        while active and active[0][0] <= arrival:
            yield _take_first(active)
        first = next(lines, None)
        if first is not None:
            heapq.heappush(active, (first.received_at, serial, first, lines))
    while active:
        yield _take_first(active)


def _take_first(active: list[_Active]) -> RequestLine:
    _, serial, line, lines = active[0]
    following = next(lines, None)
    if following is None:
        heapq.heappop(active)
    else:
        heapq.heapreplace(active, (following.received_at, serial, following, lines))
    return line
