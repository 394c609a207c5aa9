"""How many distinct keys a rule has seen lately, in four kilobytes."""

from collections.abc import Callable
from math import log

_REGISTERS = 4_096
_INDEX = _REGISTERS - 1
_BITS = 52  # of a 64-bit hash, behind the index
_ALPHA = 0.7213 / (1 + 1.079 / _REGISTERS)
_SMALL = 2.5 * _REGISTERS


class DistinctKeys:
    """HyperLogLog (Flajolet and others, 2007), 1.6 % standard error, 0.5 us an entry.

    The hash must not be known to clients: who knows it can hide millions of keys. Python's own hash
    of strings is keyed anew in every process.
    """

    __slots__ = ("_hash", "_registers", "_sum", "_zeros")

    def __init__(self, hash_of: Callable[[str], int] = hash) -> None:
        self._hash = hash_of
        self.clear()

    def clear(self) -> None:
        """Forget all keys."""
        self._registers = bytearray(_REGISTERS)
        self._sum = float(_REGISTERS)
        self._zeros = _REGISTERS

    def add(self, key: str) -> bool:
        """Note a key; whether that changed the estimate."""
        code = self._hash(key) & 0xFFFF_FFFF_FFFF_FFFF
        place = code & _INDEX
        rank = _BITS + 1 - (code >> 12).bit_length()
        known = self._registers[place]
        if rank <= known:
            return False
        self._registers[place] = rank
        self._sum += 2.0**-rank - 2.0**-known
        self._zeros -= known == 0
        return True

    def estimate(self) -> float:
        """About how many distinct keys there were."""
        raw = _ALPHA * _REGISTERS * _REGISTERS / self._sum
        if raw <= _SMALL and self._zeros:
            return _REGISTERS * log(_REGISTERS / self._zeros)
        return raw


class KeyCount:
    """Distinct keys of the window that runs and of the one before: old ones are forgotten."""

    __slots__ = ("_current", "_period", "_previous", "_window_s", "ends", "estimate", "starts")

    def __init__(self, window_s: float, hash_of: Callable[[str], int] = hash) -> None:
        self._window_s = max(60.0, window_s)
        self._current = DistinctKeys(hash_of)
        self._previous = 0.0
        self._period = -1
        self.starts, self.ends = 0.0, 0.0
        """Seconds since the epoch within which a key that was added need not be added again."""
        self.estimate = 0.0
        """Distinct keys: of this window, or of the last one where that had more."""

    def add(self, key: str, at: float) -> None:
        """Note a key at `at`, in seconds since the epoch."""
        period = int(at // self._window_s)
        if period != self._period:
            self._previous = self._current.estimate() if period == self._period + 1 else 0.0
            self._current.clear()
            self._period = period
            self.starts, self.ends = period * self._window_s, (period + 1) * self._window_s
            self.estimate = self._previous
        if self._current.add(key):
            self.estimate = max(self._previous, self._current.estimate())
