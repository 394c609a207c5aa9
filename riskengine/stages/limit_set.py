"""The limits of one kind of request, and what they count of clients that were here before."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from riskengine.inspection import Inspection
from riskengine.stages.limit import Count, Limit
from riskengine.store.counters import Hit

KNOWN_MAX = 4_096
"""Clients remembered: about a kilobyte each."""


class Counts(NamedTuple):
    """What is counted for one request: two sequences of the same length."""

    counts: Sequence[Count]
    hits: Sequence[Hit]


class _Known(NamedTuple):
    since: float
    until: float
    """Seconds since the epoch: the limits need not hear of the client in between."""
    counts: Counts


class LimitSet:
    """Limits that match the same requests of one namespace.

    Clients come back, a page is dozens of requests, and most limits ask the same of a client each
    time: to look that up takes a fifth of the time to put it together.
    """

    __slots__ = ("_known", "_readers", "limits", "steady")

    def __init__(self, limits: tuple[Limit, ...]) -> None:
        self.limits = limits
        ordinary = [limit for limit in limits if not limit.for_bots]
        self.steady = bool(ordinary) and all(limit.steady for limit in ordinary)
        """Whether who a client is tells all that is counted, as long as it claims to be no bot."""
        self._readers = list({limit.who: limit.read_subject for limit in ordinary}.values())
        self._known: dict[Hashable, _Known] = {}

    def who(self, inspection: Inspection) -> Hashable:
        """All that tells the request's client apart from others here."""
        if len(self._readers) == 1:
            return self._readers[0](inspection)
        return tuple([read(inspection) for read in self._readers])

    def recall(self, who: Hashable, at: float) -> Counts | None:
        """What is counted for a client that was here lately."""
        known = self._known.get(who)
        if known is None or not known[0] <= at < known[1]:
            return None
        return known[2]

    def learn(self, who: Hashable, counts: Counts) -> None:
        """Remember for one period of the limits' estimates, within which they know the client.

        Where a coarser key counts nothing is remembered, so that every request is degraded.
        """
        limits = {count.limit for count in counts.counts}
        if len(self._known) >= KNOWN_MAX or any(limit.too_many_keys for limit in self.limits):
            self._known.clear()
        elif limits:
            since = max(limit.keys.starts for limit in limits)
            until = min(limit.keys.ends for limit in limits)
            # Tuples, because a list keeps what it holds elsewhere: one more cold place to look.
            kept = Counts(tuple(counts.counts), tuple(counts.hits))
            self._known[who] = _Known(since, until, kept)
