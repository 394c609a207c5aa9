"""A Bloom filter of the keys that exist, against floods of keys that do not."""

import math
from collections.abc import Iterable
from hashlib import blake2b


class BloomFilter:
    """May take a few unknown keys for known ones, never a known one for unknown.

    Source: B. H. Bloom (1970); two hashes stand for many: A. Kirsch, M. Mitzenmacher (2006)
    """

    def __init__(
        self, capacity: int, *, false_share: float = 0.01, keys: Iterable[str] = ()
    ) -> None:
        """With `capacity` keys in it, `false_share` (0..1) of the unknown pass; more with more."""
        if capacity < 1 or not 0.0 < false_share < 1.0:
            raise ValueError(
                "capacity must be above 0 and false_share between 0 and 1, "
                f"got {capacity} and {false_share}"
            )
        self._bits = max(8, math.ceil(-capacity * math.log(false_share) / math.log(2) ** 2))
        self._hashes = max(1, round(self._bits / capacity * math.log(2)))
        self._array = bytearray((self._bits + 7) // 8)
        for key in keys:
            self.add(key)

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return len(self._array)

    def add(self, key: str) -> None:
        """The key exists from now on; a filter cannot forget, so it is rebuilt now and then."""
        for place in self._places(key):
            self._array[place >> 3] |= 1 << (place & 7)

    def __contains__(self, key: str) -> bool:
        return all(self._array[place >> 3] & 1 << (place & 7) for place in self._places(key))

    def _places(self, key: str) -> list[int]:
        digest = int.from_bytes(blake2b(key.encode(), digest_size=16).digest())
        start, step = digest >> 64, (digest & 0xFFFFFFFFFFFFFFFF) | 1
        return [(start + number * step) % self._bits for number in range(self._hashes)]
