"""Endpoints by chance."""

import random
from collections.abc import Sequence

from riskengine.downstream.balancer import Available, WeightOf, own_weight, unique
from riskengine.downstream.endpoint import Endpoint


class RandomChoice:
    """Each with the same chance: no state that several processes could have in step."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._endpoints: list[Endpoint] = []

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """See Balancer."""
        self._endpoints = unique(endpoints)

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """See Balancer."""
        candidates = [endpoint for endpoint in self._endpoints if available(endpoint)]
        return self._rng.choice(candidates) if candidates else None


class WeightedRandom:
    """Each with a chance in proportion to its weight."""

    def __init__(self, rng: random.Random, weight_of: WeightOf = own_weight) -> None:
        self._rng = rng
        self._weight_of = weight_of
        self._endpoints: list[Endpoint] = []

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """See Balancer."""
        self._endpoints = unique(endpoints)

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """See Balancer."""
        candidates = [endpoint for endpoint in self._endpoints if available(endpoint)]
        if not candidates:
            return None
        weights = [self._weight_of(endpoint) for endpoint in candidates]
        return self._rng.choices(candidates, weights)[0]
