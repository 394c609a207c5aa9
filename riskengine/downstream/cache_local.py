"""Entries in the memory of this process: bounded in bytes, the least used go first."""

from cachetools import LRUCache

from riskengine.clock import Clock
from riskengine.downstream.cache_entry import Entry


class LocalEntries:
    """A copy is trusted for `trust_s`; then it should be held against the shared store."""

    def __init__(self, clock: Clock, *, bytes_max: int, trust_s: float) -> None:
        self._clock = clock
        self._trust_s = trust_s
        self._entries: LRUCache[str, tuple[Entry, float]] = LRUCache(
            bytes_max, getsizeof=lambda held: held[0].size
        )

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes held, about; never above the bound."""
        return int(self._entries.currsize)

    def get(self, key: str) -> tuple[Entry | None, bool]:
        """The entry, and whether it is still to be trusted."""
        held = self._entries.get(key)
        if held is None:
            return None, False
        entry, since = held
        return entry, self._clock.monotonic() - since < self._trust_s

    def put(self, key: str, entry: Entry) -> None:
        """Hold the entry, unless it is larger than everything."""
        self.drop(key)
        if entry.size <= self._entries.maxsize:
            self._entries[key] = (entry, self._clock.monotonic())

    def drop(self, key: str) -> None:
        """Forget one."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
