"""Keys to endpoints, so that equal keys meet and few move when endpoints come and go."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from riskengine.downstream.balancer import Available, WeightOf, own_weight, unique
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.inflight import InFlight


class KeyTable(Protocol):
    """A fixed assignment of keys to endpoints, with an order of alternatives for each key."""

    def candidates(self, key: bytes) -> Iterator[Endpoint]:
        """The key's own endpoint, then those that stand in for it; each may come several times."""
        ...


def hash64(data: bytes) -> int:
    """64 evenly spread bits of `data`, the same in every process."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


class BoundedHash:
    """The key's own endpoint, unless it is full: then the next one in the key's own order.

    Full is `bound` times the mean of calls under way, weights considered (Mirrokni, Thorup and
    Zadimoghaddam, Consistent Hashing with Bounded Loads, 2016); with infinity a hot key stays
    where it is whatever happens.
    """

    def __init__(
        self,
        build: Callable[[Sequence[Endpoint]], KeyTable],
        in_flight: InFlight,
        *,
        bound: float = 1.25,
        weight_of: WeightOf = own_weight,
    ) -> None:
        """`build` is HashRing, Maglev or a partial of one; `bound` is above 1."""
        if bound <= 1:
            raise ValueError(f"bound: must be above 1, got {bound:g}")
        self._build = build
        self._in_flight = in_flight
        self._bound = bound
        self._weight_of = weight_of
        self._endpoints: list[Endpoint] = []
        self._table = build([])

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """See Balancer."""
        endpoints = unique(endpoints)
        if endpoints != self._endpoints:
            self._endpoints = endpoints
            self._table = self._build(endpoints)

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """See Balancer."""
        room = self._room(available)
        seen: set[Endpoint] = set()
        for endpoint in self._table.candidates(key):
            if endpoint in seen:
                continue
            if room(endpoint) and available(endpoint):
                return endpoint
            seen.add(endpoint)
            if len(seen) == len(self._endpoints):
                break
        return None

    def _room(self, available: Available) -> Available:
        """Whether an endpoint may take one more call; at least one available one always may."""
        if math.isinf(self._bound):
            return lambda _: True
        up = [endpoint for endpoint in self._endpoints if available(endpoint)]
        calls = 1 + sum(self._in_flight.count(endpoint) for endpoint in up)
        weight = sum(self._weight_of(endpoint) for endpoint in up) or 1.0
        share = self._bound * calls / weight
        count, weight_of = self._in_flight.count, self._weight_of
        return lambda endpoint: count(endpoint) < math.ceil(share * weight_of(endpoint))
