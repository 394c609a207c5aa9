"""How fast the clients of a log are, whom each limit would touch, and which one to try first."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from riskengine.analyst.client_times import Client, ClientTimes
from riskengine.analyst.peak_rates import peak, refused

TOUCH_GOOD = 0.001
"""Share of labelled good clients that a proposed limit may touch."""
TOUCH_ANY = 0.01
"""Share of all clients that it may touch where nobody is labelled."""
QUANTILES = (0.5, 0.9, 0.99, 0.999, 1.0)

_STEPS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)
_CANDIDATES_MAX = 14


class Group(msgspec.Struct, frozen=True):
    """What a limit does to some of the clients."""

    clients: int
    touched: int
    """Clients that would be refused at least once."""

    @property
    def share(self) -> float:
        """0 to 1; 0 where there are no clients."""
        return self.touched / self.clients if self.clients else 0.0


class Candidate(msgspec.Struct, frozen=True):
    """A limit, and what it would have done to this log."""

    limit: int
    every: Group
    good: Group | None
    bad: Group | None
    refused: int
    """Requests that would be refused."""
    refused_good: int | None
    """Those of good clients among them; None without labels."""


class Bin(msgspec.Struct, frozen=True):
    """Clients whose fastest window held `least` to `most` requests."""

    least: int
    most: int
    clients: int
    good: int
    bad: int


class Point(msgspec.Struct, frozen=True):
    """Clients that one limit would touch."""

    limit: int
    every: int
    good: int
    bad: int


class WindowReport(msgspec.Struct, frozen=True):
    """Everything about one length of window."""

    window: str
    window_s: float
    quantiles: dict[str, int]
    """Requests in a client's fastest window, at most: for half of the clients (`p50`), ..."""
    bins: list[Bin]
    curve: list[Point]
    """Every round limit up to the first that touches nobody."""
    candidates: list[Candidate]
    proposed: Candidate


class Suggestion(msgspec.Struct, frozen=True):
    """The report of `riskengine limits suggest`. The same log gives the same bytes."""

    log: str
    requests: int
    elsewhere: int
    without_key: int
    clients: int
    good: int
    bad: int
    touch: float
    """Share of clients that a proposed limit may touch; of the good ones where there are labels."""
    windows: list[WindowReport]
    best: int
    """Which of `windows` the proposed rule takes."""
    rule: str
    """The proposed rule as YAML."""

    @property
    def labelled(self) -> bool:
        """Whether some clients are known to be good or bad."""
        return self.good + self.bad > 0


def reports(
    found: ClientTimes, windows: Sequence[tuple[str, float]], touch: float
) -> list[WindowReport]:
    """One report for each window (its words, its seconds); there must be a client."""
    clients = list(found.clients.values())
    return [_report(clients, name, window_s, touch) for name, window_s in windows]


def best_window(windows: Sequence[WindowReport]) -> int:
    """The window whose proposed limit refuses the most that is not good; the first among equals."""
    gains = [w.proposed.refused - (w.proposed.refused_good or 0) for w in windows]
    return gains.index(max(gains))


def round_limits(most: int) -> list[int]:
    """Limits that people choose: 1, 2, 3, ... 10, 12, 15, 20, ... up to the first from `most`."""
    found, scale = list(range(1, 10)), 1
    while found[-1] < most:
        found += [step * scale for step in _STEPS]
        scale *= 10
    return found[: next(i for i, limit in enumerate(found) if limit >= most) + 1]


def _report(clients: Sequence[Client], name: str, window_s: float, touch: float) -> WindowReport:
    peaks = [peak(client.times, window_s) for client in clients]
    work = _Window(clients, peaks, window_s)
    limits = round_limits(max(peaks))
    proposed = next(limit for limit in limits if work.share(limit) <= touch)
    return WindowReport(
        window=name,
        window_s=window_s,
        quantiles={_name(q): _quantile(work.all, q) for q in QUANTILES},
        bins=list(_bins(clients, peaks)),
        curve=[work.point(limit) for limit in limits],
        candidates=[work.candidate(limit) for limit in _thinned(limits, proposed)],
        proposed=work.candidate(proposed),
    )


class _Window:
    """Peaks of all clients in one window, sorted so that a limit costs one look-up."""

    def __init__(self, clients: Sequence[Client], peaks: Sequence[int], window_s: float) -> None:
        self._pairs = list(zip(clients, peaks, strict=True))
        self._window_s = window_s
        self.all = sorted(peaks)
        self._good = sorted(p for client, p in self._pairs if client.is_bad is False)
        self._bad = sorted(p for client, p in self._pairs if client.is_bad)
        self._labelled = bool(self._good or self._bad)

    def share(self, limit: int) -> float:
        """Share of those that a limit should spare and would touch."""
        return _group(self._good or self.all, limit).share

    def point(self, limit: int) -> Point:
        groups = (self.all, self._good, self._bad)
        return Point(limit, *(_group(peaks, limit).touched for peaks in groups))

    def candidate(self, limit: int) -> Candidate:
        counts = [
            (client, refused(client.times, self._window_s, limit))
            for client, most in self._pairs
            if most > limit
        ]
        good = sum(count for client, count in counts if client.is_bad is False)
        return Candidate(
            limit=limit,
            every=_group(self.all, limit),
            good=_group(self._good, limit) if self._labelled else None,
            bad=_group(self._bad, limit) if self._labelled else None,
            refused=sum(count for _, count in counts),
            refused_good=good if self._labelled else None,
        )


def _group(peaks: Sequence[int], limit: int) -> Group:
    return Group(len(peaks), len(peaks) - bisect_right(peaks, limit))


def _thinned(limits: Sequence[int], proposed: int) -> list[int]:
    """At most so many that a table can be read, the proposed one among them."""
    step = -(-len(limits) // _CANDIDATES_MAX)
    return sorted({*limits[::-step], proposed})


def _quantile(ordered: Sequence[int], q: float) -> int:
    """The smallest peak that at least this share of clients does not exceed."""
    return ordered[max(0, -(-round(q * 1000) * len(ordered) // 1000) - 1)]


def _name(q: float) -> str:
    return f"p{100 * q:g}"


def _bins(clients: Sequence[Client], peaks: Sequence[int]) -> Iterable[Bin]:
    """Bins that double in width: 1, 2, 3-4, 5-8, ..."""
    pairs = list(zip(clients, peaks, strict=True))
    least, most = 1, 1
    while least <= max(peaks):
        inside = [client for client, p in pairs if least <= p <= most]
        good = sum(client.is_bad is False for client in inside)
        bad = sum(client.is_bad is True for client in inside)
        yield Bin(least, most, len(inside), good, bad)
        least, most = most + 1, most * 2
