"""Endpoints by how much they have to do."""

import random
from collections.abc import Callable

from riskengine.downstream.balancer import Available, OfKnown, WeightOf, own_weight
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.inflight import InFlight

Cost = Callable[[Endpoint], float]
"""What one more call to an endpoint would cost; only comparisons matter."""


def calls_per_weight(in_flight: InFlight, weight_of: WeightOf = own_weight) -> Cost:
    """Calls under way, the next one included, in proportion to the weight."""
    return lambda endpoint: (in_flight.count(endpoint) + 1) / weight_of(endpoint)


class LeastLoaded(OfKnown):
    """The cheapest of all; among equals by chance, so that processes do not fall into step."""

    def __init__(self, cost: Cost, rng: random.Random) -> None:
        self._cost = cost
        self._rng = rng

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """See Balancer."""
        best: list[Endpoint] = []
        least = float("inf")
        for endpoint in self._endpoints:
            if not available(endpoint):
                continue
            cost = self._cost(endpoint)
            if cost < least:
                best, least = [endpoint], cost
            elif cost == least:
                best.append(endpoint)
        return self._rng.choice(best) if best else None


class PowerOfTwo(OfKnown):
    """The cheaper of two taken by chance: nearly as even as the cheapest of all, at a fixed price.

    Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001. Unlike the cheapest
    of all, it does not send everyone to the endpoint that has just come up.
    """

    def __init__(self, cost: Cost, rng: random.Random) -> None:
        self._cost = cost
        self._rng = rng

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """See Balancer."""
        candidates = self._candidates(available)
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        one, other = self._rng.sample(candidates, 2)
        return one if self._cost(one) <= self._cost(other) else other
