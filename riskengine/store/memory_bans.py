"""Bans in the memory of one process: for libraries, replay and tests."""

from collections.abc import Sequence

from riskengine.clock import Clock
from riskengine.store.bans import BANS_MAX, Ban, Changes


class MemoryBans:
    """Keeps every change of its life, newest version of each key; see `BanStore`."""

    def __init__(self, clock: Clock, *, bans_max: int = BANS_MAX) -> None:
        self._clock = clock
        self._bans_max = bans_max
        self._bans: dict[str, Ban] = {}
        self._versions: dict[str, int] = {}
        self._version = 0

    async def add(self, bans: Sequence[Ban]) -> None:
        """See `BanStore.add`."""
        self._drop_expired()
        for ban in bans:
            known = self._bans.get(ban.key)
            if known is None or known.expires_at < ban.expires_at:
                self._bans[ban.key] = ban
                self._touch(ban.key)
        excess = len(self._bans) - self._bans_max
        if excess > 0:
            ending = sorted(self._bans.values(), key=lambda ban: (ban.expires_at, ban.key))
            self._drop([ban.key for ban in ending[:excess]])

    async def lift(self, keys: Sequence[str]) -> int:
        """See `BanStore.lift`."""
        lifted = [key for key in keys if self._bans.pop(key, None) is not None]
        for key in lifted:
            self._touch(key)
        return len(lifted)

    async def changes(self, mark: str = "") -> Changes:
        """See `BanStore.changes`."""
        self._drop_expired()
        if not mark.isdigit() or int(mark) > self._version:
            return Changes(str(self._version), True, list(self._bans.values()), [])
        fresh = [key for key, version in self._versions.items() if version > int(mark)]
        return Changes(
            str(self._version),
            False,
            [self._bans[key] for key in fresh if key in self._bans],
            [key for key in fresh if key not in self._bans],
        )

    async def close(self) -> None:
        """Nothing is held open."""

    def _touch(self, key: str) -> None:
        self._version += 1
        self._versions[key] = self._version

    def _drop_expired(self) -> None:
        now = self._clock.now()
        self._drop([key for key, ban in self._bans.items() if ban.expires_at <= now])

    def _drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            del self._bans[key]
            del self._versions[key]
