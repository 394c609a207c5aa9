"""A table that endpoints fill in turn, each in an order of its own."""

from collections.abc import Iterator, Sequence
from itertools import cycle

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.hashing import hash64

_SIZE = 16_381


class Maglev:
    """Shares even to a percent, a look-up at a fixed price; a few more keys move than on a ring.

    Eisenbud et al., Maglev: A Fast and Reliable Software Network Load Balancer, 2016, section
    3.4. The table takes some 40 ms to fill; it should have a hundred places for each endpoint.
    """

    def __init__(self, endpoints: Sequence[Endpoint], *, size: int = _SIZE) -> None:
        """`size` is a prime, well above the number of endpoints."""
        if size < 2 or any(size % factor == 0 for factor in range(2, int(size**0.5) + 1)):
            raise ValueError(f"size: must be a prime, got {size}")
        self._size = size
        self._owners = _fill(list(endpoints), size) if endpoints else []

    def candidates(self, key: bytes) -> Iterator[Endpoint]:
        """See KeyTable. The alternatives follow in an order that differs from key to key."""
        if not self._owners:
            return
        hashed = hash64(key)
        place, step = hashed % self._size, 1 + (hashed >> 32) % (self._size - 1)
        for _ in range(self._size):
            yield self._owners[place]
            place = (place + step) % self._size


def _fill(endpoints: list[Endpoint], size: int) -> list[Endpoint]:
    """Each endpoint takes its next free place in turn, as often in a row as its weight says."""
    walks = [(endpoint, *_walk(endpoint, size)) for endpoint in endpoints]
    places = {endpoint: start for endpoint, start, _ in walks}
    owners: list[Endpoint | None] = [None] * size
    taken = 0
    for endpoint, _, step in cycle(walks):
        place = places[endpoint]
        for _ in range(endpoint.weight):
            while owners[place] is not None:
                place = (place + step) % size
            owners[place] = endpoint
            taken += 1
            if taken == size:
                return [owner for owner in owners if owner is not None]
        places[endpoint] = place
    raise AssertionError("cycle ends only where there is no endpoint")


def _walk(endpoint: Endpoint, size: int) -> tuple[int, int]:
    """Where an endpoint begins and how far it goes at a time: it visits every place once."""
    start = hash64(f"start {endpoint.address}".encode()) % size
    return start, 1 + hash64(f"step {endpoint.address}".encode()) % (size - 1)
