"""Endpoints by chance."""

import random

from riskengine.downstream.balancer import Available, OfKnown, WeightOf, own_weight
from riskengine.downstream.endpoint import Endpoint


class RandomChoice(OfKnown):
    """Each with the same chance: no state that several processes could have in step."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """See Balancer."""
        candidates = self._candidates(available)
        return self._rng.choice(candidates) if candidates else None


class WeightedRandom(OfKnown):
    """Each with a chance in proportion to its weight."""

    def __init__(self, rng: random.Random, weight_of: WeightOf = own_weight) -> None:
        self._rng = rng
        self._weight_of = weight_of

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """See Balancer."""
        candidates = self._candidates(available)
        if not candidates:
            return None
        weights = [self._weight_of(endpoint) for endpoint in candidates]
        return self._rng.choices(candidates, weights)[0]
