"""Endpoints in turn."""

from collections.abc import Sequence

from riskengine.downstream.balancer import (
    Available,
    WeightOf,
    first_available,
    own_weight,
    unique,
)
from riskengine.downstream.endpoint import Endpoint


class RoundRobin:
    """One after the other, whatever their weights; what is not available is passed over."""

    def __init__(self) -> None:
        self._endpoints: list[Endpoint] = []
        self._next = 0

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """See Balancer."""
        self._endpoints = unique(endpoints)

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """See Balancer."""
        chosen = first_available(self._endpoints, self._next, available)
        if chosen is not None:
            self._next = self._endpoints.index(chosen) + 1
        return chosen


class WeightedRoundRobin:
    """In turn and in proportion to weights, without bursts to the heavy ones.

    The smooth form that nginx uses: weights 5, 1, 1 give a a b a c a a, not a a a a a b c.
    """

    def __init__(self, weight_of: WeightOf = own_weight) -> None:
        self._weight_of = weight_of
        self._credit: dict[Endpoint, float] = {}

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """See Balancer."""
        self._credit = {e: self._credit.get(e, 0.0) for e in unique(endpoints)}

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """See Balancer."""
        total = 0.0
        chosen: Endpoint | None = None
        for endpoint in self._credit:
            if not available(endpoint):
                continue
            weight = self._weight_of(endpoint)
            total += weight
            self._credit[endpoint] += weight
            if chosen is None or self._credit[endpoint] > self._credit[chosen]:
                chosen = endpoint
        if chosen is not None:
            self._credit[chosen] -= total
        return chosen
