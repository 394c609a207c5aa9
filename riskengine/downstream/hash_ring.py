"""A ring of points; a key belongs to the next point clockwise."""

import bisect
from collections.abc import Iterator, Sequence

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.hashing import hash64

_POINTS = 256
"""Points per unit of weight: shares then differ by some 6 %."""


class HashRing:
    """When one of N endpoints goes, its own keys move, and no others (Karger et al., 1997)."""

    def __init__(self, endpoints: Sequence[Endpoint], *, points: int = _POINTS) -> None:
        """`points` are per unit of weight."""
        owners = {
            hash64(f"{endpoint.address}#{number}".encode()): endpoint
            for endpoint in endpoints
            for number in range(points * endpoint.weight)
        }
        self._points = sorted(owners)
        self._owners = [owners[point] for point in self._points]

    def candidates(self, key: bytes) -> Iterator[Endpoint]:
        """See KeyTable."""
        count = len(self._owners)
        start = bisect.bisect(self._points, hash64(key))
        for step in range(count):
            yield self._owners[(start + step) % count]
