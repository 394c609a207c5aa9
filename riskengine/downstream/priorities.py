"""Primaries and backups, near and far: how much of the traffic each of them gets."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from riskengine.downstream.balancer import Available, Balancer
from riskengine.downstream.endpoint import Endpoint

_OVERPROVISIONED = 1.4
"""A priority is whole as long as 1 / 1.4 = 71 % of it is healthy: it was built with reserves."""


class Priorities:
    """Proportional failover and failback, as Envoy does it.

    A priority gets min(100, 1.4 x healthy %) of the traffic, the next one what that leaves, and
    so on; as endpoints recover, traffic comes back in the same proportion. When all priorities
    together cannot carry it, those below `panic_below` healthy are used as a whole: calls that
    fail are better than the last healthy endpoints breaking under the load of all.

    With a zone of its own, endpoints of that zone come before the others of the same priority, in
    the same way: what they can no longer carry spills over.
    """

    def __init__(
        self,
        make: Callable[[], Balancer],
        rng: random.Random,
        *,
        panic_below: float = 0.5,
        zone: str = "",
    ) -> None:
        """`make` gives the balancer of one tier; `panic_below` is a share, 0 for never.

        `zone` is where we are; empty where that makes no difference.
        """
        self._zone = zone
        self._make = make
        self._rng = rng
        self._panic_below = panic_below
        self._tiers: dict[_Rank, _Tier] = {}

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """From now on choose among these."""
        before = self._tiers
        self._tiers = {}
        for rank in sorted({self._rank(endpoint) for endpoint in endpoints}):
            tier = before.get(rank) or _Tier(self._make())
            tier.update([e for e in endpoints if self._rank(e) == rank])
            self._tiers[rank] = tier

    def shares(self, available: Available) -> dict[int, float]:
        """Priority -> its share of the traffic now, all zones together; they add up to 1."""
        shares: dict[int, float] = {}
        for rank, share in zip(self._tiers, _shares(self._healthy(available)), strict=True):
            shares[rank.priority] = shares.get(rank.priority, 0.0) + share
        return shares

    def pick(
        self, key: bytes, available: Available, tried: frozenset[Endpoint] = frozenset()
    ) -> Endpoint | None:
        """An endpoint for one call, one not yet tried if there is any; None if there is none."""
        if not self._tiers:
            return None
        tier, panic = self._draw(available)
        may = _anything if panic else available
        if tried:
            fresh = tier.balancer.pick(key, lambda e: e not in tried and may(e))
            if fresh is not None:
                return fresh
        return tier.balancer.pick(key, may)

    def _rank(self, endpoint: Endpoint) -> "_Rank":
        return _Rank(endpoint.priority, bool(self._zone) and endpoint.zone != self._zone)

    def _healthy(self, available: Available) -> list[float]:
        return [tier.healthy(available) for tier in self._tiers.values()]

    def _draw(self, available: Available) -> tuple["_Tier", bool]:
        """A priority by chance, in proportion to the shares, and whether it is used as a whole."""
        tiers = list(self._tiers.values())
        healthy = [tiers[0].healthy(available)]
        if _OVERPROVISIONED * healthy[0] >= 1:
            return tiers[0], False
        healthy += [tier.healthy(available) for tier in tiers[1:]]
        chosen = self._rng.choices(range(len(tiers)), _shares(healthy))[0]
        return tiers[chosen], _carries(healthy) < 1 and healthy[chosen] < self._panic_below


class _Rank(NamedTuple):
    """What comes first; the smallest does."""

    priority: int
    far: bool


class _Tier:
    def __init__(self, balancer: Balancer) -> None:
        self.balancer = balancer
        self._endpoints: list[Endpoint] = []

    def update(self, endpoints: list[Endpoint]) -> None:
        self._endpoints = endpoints
        self.balancer.update(endpoints)

    def healthy(self, available: Available) -> float:
        """Share of its endpoints that are available."""
        return sum(map(available, self._endpoints)) / len(self._endpoints)


def _carries(healthy: list[float]) -> float:
    """What all priorities together can carry, 1 being everything."""
    return sum(min(1.0, _OVERPROVISIONED * share) for share in healthy)


def _shares(healthy: list[float]) -> list[float]:
    """What each priority gets; where nothing is healthy, the first gets everything."""
    carries = min(1.0, _carries(healthy))
    if carries == 0:
        return [1.0] + [0.0] * (len(healthy) - 1)
    shares: list[float] = []
    left = 1.0
    for share in healthy:
        gets = min(left, min(1.0, _OVERPROVISIONED * share) / carries)
        shares.append(gets)
        left -= gets
    return shares


def _anything(endpoint: Endpoint) -> bool:
    return True
