"""The bans that one process knows: a copy that is read on the path of requests, without I/O."""

import heapq
from collections.abc import Callable, Iterable
from math import inf
from typing import NamedTuple

from riskengine.ruleset.networks import Network, read_network
from riskengine.store.bans import ALL_HOSTS, BANS_MAX, Ban


class _Held(NamedTuple):
    ban: Ban
    network: Network
    after: float
    """It is in force for what comes later than this, seconds since the epoch."""


class BanBook:
    """Finds the ban that a request is under in about 0.3 us; without any ban in 0.1.

    Networks are kept by prefix length. Keys are bytes, because clients choose them: Python hashes
    bytes with a secret.
    """

    def __init__(self, *, bans_max: int = BANS_MAX) -> None:
        self._bans_max = bans_max
        self._held: dict[str, _Held] = {}
        self._tables: dict[int, dict[int, dict[bytes, dict[str, _Held]]]] = {4: {}, 16: {}}
        self._ends: list[tuple[float, str]] = []

    def __len__(self) -> int:
        """How many bans are held, ended ones included until the next `drop_ended`."""
        return len(self._held)

    def bans(self) -> list[Ban]:
        """All of them."""
        return [held.ban for held in self._held.values()]

    def holds(self, packed: bytes) -> bool:
        """Whether there is any ban of an address, wherever it is in force: most have none."""
        for length, table in self._tables[len(packed)].items():
            if _cut(packed, length) in table:
                return True
        return False

    def find(
        self, packed: bytes, *, namespace: str, host: Callable[[], str], at: float
    ) -> Ban | None:
        """The ban in force that ends last; None where there is none.

        `host` is asked for the host's scope only where the address is under some ban.
        """
        found: Ban | None = None
        for length, table in self._tables[len(packed)].items():
            for ban, _, after in table.get(_cut(packed, length), _NOTHING).values():
                if (
                    after < at < ban.expires_at
                    and ban.namespace == namespace
                    and (ban.host == ALL_HOSTS or ban.host == host())
                    and (found is None or found.expires_at < ban.expires_at)
                ):
                    found = ban
        return found

    def put(self, ban: Ban, *, after: float = -inf) -> bool:
        """Hold a ban; False where one with its key ends no earlier, which stays.

        A ban of this process's own making is in force `after` the request that caused it: so it
        makes no difference what else was decided in the same breath.
        """
        known = self._held.get(ban.key)
        if known is not None:
            if known.ban.expires_at >= ban.expires_at:
                if after < known.after:
                    self._hold(known._replace(after=after))
                return False
            if known.ban.expires_at > ban.created_at:
                after = min(after, known.after)
        self._hold(_Held(ban, read_network(ban.network), after))
        heapq.heappush(self._ends, (ban.expires_at, ban.key))
        while len(self._held) > self._bans_max:
            self._drop_first()
        return True

    def put_own(self, ban: Ban) -> bool:
        """Hold a ban of this process's own making, in force after its moment; see `put`."""
        return self.put(ban, after=ban.created_at)

    def lift(self, key: str) -> bool:
        """End a ban; whether there was one."""
        held = self._held.pop(key, None)
        if held is None:
            return False
        packed, length = held.network
        table = self._tables[len(packed)][length]
        del table[_cut(packed, length)][key]
        if not table[_cut(packed, length)]:
            del table[_cut(packed, length)]
        if not table:
            del self._tables[len(packed)][length]
        return True

    def replace(self, bans: Iterable[Ban]) -> list[Ban]:
        """Hold `bans` and no others; those that are held no more."""
        fresh = {ban.key: ban for ban in bans}
        gone = [held.ban for key, held in self._held.items() if key not in fresh]
        for ban in gone:
            self.lift(ban.key)
        for ban in fresh.values():
            self.put(ban)
        return gone

    def drop_ended(self, now: float) -> None:
        """Forget the bans that ended by `now`."""
        while self._ends and self._ends[0][0] <= now:
            self._drop_first()

    def _hold(self, held: _Held) -> None:
        packed, length = held.network
        table = self._tables[len(packed)].setdefault(length, {})
        table.setdefault(_cut(packed, length), {})[held.ban.key] = held
        self._held[held.ban.key] = held

    def _drop_first(self) -> None:
        """Let go of the ban that ends first; a renewed one stands in the heap again."""
        ends, key = heapq.heappop(self._ends)
        held = self._held.get(key)
        if held is not None and held.ban.expires_at == ends:
            self.lift(key)


_NOTHING: dict[str, _Held] = {}


def _cut(packed: bytes, length: int) -> bytes:
    """The first `length` bits of an address as whole bytes; bits behind them are 0."""
    whole, rest = divmod(length, 8)
    if not rest:
        return packed[:whole]
    return packed[:whole] + bytes([packed[whole] >> 8 - rest << 8 - rest])
