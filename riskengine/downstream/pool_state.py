"""What a pool decides, without any I/O: it says what to open and what to close."""

import random
from typing import Generic, NamedTuple, TypeVar

from riskengine.downstream.connection import Connection
from riskengine.downstream.pool_limits import PoolLimits

C = TypeVar("C", bound=Connection)


class Slot(Generic[C]):
    """One open connection and the calls on it."""

    __slots__ = ("calls", "connection", "expires_at", "idle_since", "retired")

    def __init__(self, connection: C, expires_at: float, now: float) -> None:
        self.connection = connection
        self.expires_at = expires_at
        self.idle_since = now
        self.calls = 0
        self.retired = False


class Upkeep(NamedTuple, Generic[C]):
    """What the pool is to do now."""

    close: list[C]
    open: int


class PoolState(Generic[C]):
    """Open connections, those with room as a stack: the last one given back is taken first.

    Whatever a method returns for closing is out of the state and counts as closing until
    `closed` is called; what is to be opened counts from `opening_begun` on.
    """

    def __init__(self, limits: PoolLimits, rng: random.Random) -> None:
        self._limits = limits
        self._rng = rng
        self._slots: set[Slot[C]] = set()
        self._free: list[Slot[C]] = []
        self._live = 0
        """Open connections that still take calls: those that count for the minimum."""
        self.opening = 0
        self.closing = 0

    @property
    def open(self) -> int:
        """Connections that are open, used or not."""
        return len(self._slots)

    @property
    def idle(self) -> int:
        """Open connections without a call."""
        return len(self._idle_slots())

    @property
    def calls(self) -> int:
        """Calls on all connections."""
        return sum(slot.calls for slot in self._slots)

    @property
    def room(self) -> int:
        """Connections that may be opened before the maximum is reached."""
        return self._limits.connections_max - len(self._slots) - self.opening - self.closing

    def take(self, now: float) -> tuple[Slot[C] | None, list[C]]:
        """A connection for one call, if there is one, and what turned out to be of no use."""
        useless: list[C] = []
        while self._free:
            slot = self._free[-1]
            if self._fit(slot, now):
                slot.calls += 1
                if slot.calls >= self._limits.calls_per_connection:
                    self._free.pop()
                return slot, useless
            self._free.pop()
            useless += self._retire(slot)
        return None, useless

    def give_back(self, slot: Slot[C], now: float) -> list[C]:
        """End one call on `slot`; returns what to close, which may be another idle connection."""
        was_full = slot.calls >= self._limits.calls_per_connection
        slot.calls -= 1
        if slot.retired:
            return self._retire(slot) if slot in self._slots else []
        if slot.calls == 0:
            slot.idle_since = now
        if not self._fit(slot, now):
            if not was_full:
                self._free.remove(slot)
            return self._retire(slot)
        if was_full:
            self._free.append(slot)
        return self._surplus()

    def opening_begun(self) -> None:
        """A connection is being opened."""
        self.opening += 1

    def opening_failed(self) -> None:
        """It could not be opened."""
        self.opening -= 1

    def opened(self, connection: C, now: float) -> list[C]:
        """It is open, and free; returns what is idle beyond the limit."""
        self.opening -= 1
        life_s = self._limits.age_max_s * (1 - self._limits.age_jitter * self._rng.random())
        slot = Slot(connection, now + life_s, now)
        self._slots.add(slot)
        self._live += 1
        self._free.append(slot)
        return self._surplus()

    def closed(self) -> None:
        """One of the connections returned for closing is gone."""
        self.closing -= 1

    def upkeep(self, now: float) -> Upkeep[C]:
        """Close what is broken, old or long unused; ask for what the minimum needs.

        An old connection that the minimum needs stays until its replacement is open; only where
        the maximum leaves no room for that is it closed first.
        """
        close: list[C] = []
        replacements = 0
        for slot in sorted(self._slots, key=lambda slot: slot.idle_since):
            if slot.retired or not self._is_due(slot, now):
                continue
            if self._is_dispensable(slot):
                self._free = [free for free in self._free if free is not slot]
                close += self._retire(slot)
            elif slot.connection.is_usable() and now >= slot.expires_at:
                replacements += 1
        wanted = self._limits.connections_min + replacements - self._live - self.opening
        return Upkeep(close, max(0, min(wanted, self.room)))

    def empty(self) -> list[C]:
        """Take every idle connection out, for closing; those in use follow as they come back."""
        close: list[C] = []
        self._free.clear()
        for slot in list(self._slots):
            close += self._retire(slot)
        return close

    def abandon(self) -> list[C]:
        """Take every connection out, for closing, the calls on them notwithstanding."""
        close = self.empty()
        close += [slot.connection for slot in self._slots]
        self.closing += len(self._slots)
        self._slots.clear()
        return close

    def _idle_slots(self) -> list[Slot[C]]:
        return [slot for slot in self._free if slot.calls == 0]

    def _fit(self, slot: Slot[C], now: float) -> bool:
        """Whether a call may start on it: usable, and young unless the minimum needs it."""
        if not slot.connection.is_usable():
            return False
        return now < slot.expires_at or self._live <= self._limits.connections_min

    def _is_due(self, slot: Slot[C], now: float) -> bool:
        if not slot.connection.is_usable() or now >= slot.expires_at:
            return True
        return slot.calls == 0 and now - slot.idle_since >= self._limits.idle_s

    def _is_dispensable(self, slot: Slot[C]) -> bool:
        if not slot.connection.is_usable() or self._live > self._limits.connections_min:
            return True
        return slot.calls == 0 and self._limits.connections_min == self._limits.connections_max

    def _surplus(self) -> list[C]:
        """The connections that have been idle longest, beyond `idle_max`."""
        if len(self._free) <= self._limits.idle_max:
            return []
        idle = self._idle_slots()
        close: list[C] = []
        for slot in idle[: max(0, len(idle) - self._limits.idle_max)]:
            self._free.remove(slot)
            close += self._retire(slot)
        return close

    def _retire(self, slot: Slot[C]) -> list[C]:
        """No more calls on `slot`; it goes when the last one on it is over."""
        if not slot.retired:
            slot.retired = True
            self._live -= 1
        if slot.calls:
            return []
        self._slots.discard(slot)
        self.closing += 1
        return [slot.connection]
