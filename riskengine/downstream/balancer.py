"""How one endpoint is chosen among several: the seam, and what all choices share."""

from collections.abc import Callable, Sequence
from typing import Protocol

from riskengine.downstream.endpoint import Endpoint

Available = Callable[[Endpoint], bool]
"""Whether calls may go to an endpoint now; cheap, asked on every pick."""

WeightOf = Callable[[Endpoint], float]
"""The weight of an endpoint now, above 0; smaller than its own while it starts slowly."""


class Balancer(Protocol):
    """Chooses among the endpoints of one priority."""

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """From now on choose among these; order is of no meaning, duplicates are one."""
        ...

    def pick(self, key: bytes, available: Available) -> Endpoint | None:
        """An endpoint that is available, None if none is. Only hashing balancers read `key`."""
        ...


def own_weight(endpoint: Endpoint) -> float:
    """The weight that the endpoint was given."""
    return endpoint.weight


def unique(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Each endpoint once, in an order that depends on nothing but the set."""
    return sorted(set(endpoints), key=lambda endpoint: endpoint.address)


class OfKnown:
    """What balancers share that remember nothing but the endpoints."""

    _endpoints: Sequence[Endpoint] = ()

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """See Balancer."""
        self._endpoints = unique(endpoints)

    def _candidates(self, available: Available) -> list[Endpoint]:
        return [endpoint for endpoint in self._endpoints if available(endpoint)]


def first_available(
    endpoints: Sequence[Endpoint], start: int, available: Available
) -> Endpoint | None:
    """The first available one from `start` on, going round."""
    count = len(endpoints)
    for step in range(count):
        endpoint = endpoints[(start + step) % count]
        if available(endpoint):
            return endpoint
    return None
