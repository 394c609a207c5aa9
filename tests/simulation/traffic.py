"""Traffic that the tests of populations look at: simulated once, split by client."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from riskengine.analyst.simulate import simulate
from riskengine.records.lines import RequestLine

PAGE_ROUTES = ("/products/", "/category/", "/search", "/cart", "/checkout", "/login", "/account")


@cache
def traffic_of(*kinds: str, minutes: float = 20.0, heads: int = 30) -> list[RequestLine]:
    """All lines of some kinds, about `heads` clients altogether."""
    scale = heads / (minutes * 8)
    return list(simulate(3, minutes=minutes, scale=scale, mix=dict.fromkeys(kinds, 1.0)))


def by_client(lines: Iterable[RequestLine]) -> dict[str, list[RequestLine]]:
    """Lines by the client that sent them, as the request ids tell."""
    clients: dict[str, list[RequestLine]] = defaultdict(list)
    for line in lines:
        clients[line.request_id.rpartition("-")[0]].append(line)
    return clients


def pages(lines: Iterable[RequestLine]) -> list[RequestLine]:
    """Only what a person would call a page."""
    return [line for line in lines if line.path == "/" or line.path.startswith(PAGE_ROUTES)]


def gaps_s(lines: list[RequestLine]) -> list[float]:
    """Seconds between one line and the next."""
    times = [line.received_at for line in lines]
    return [(after - before).total_seconds() for before, after in pairwise(times)]


def header(line: RequestLine, name: str) -> str:
    """The value of a header; empty where it is missing."""
    return dict(line.headers or ()).get(name, "")
