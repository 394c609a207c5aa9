"""A cache of answers that keeps a service alive: local over shared, one fetch for a hot key."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from riskengine.clock import Clock
from riskengine.downstream.cache_bloom import BloomFilter
from riskengine.downstream.cache_entry import CacheRules, Entry, make_entry
from riskengine.downstream.cache_flight import Flight, SingleFlight
from riskengine.downstream.cache_local import LocalEntries
from riskengine.downstream.cache_shared import NoSharedEntries, SharedEntries
from riskengine.downstream.errors import DownstreamError
from riskengine.tasks import spawn

Load = Callable[[], Awaitable[bytes | None]]
"""Asks the service; None where there is no such thing."""


class How(StrEnum):
    """Where an answer came from."""

    LOCAL = "local"
    SHARED = "shared"
    LOADED = "loaded"
    STALE = "stale"
    """Old, and being fetched anew."""
    ON_ERROR = "on_error"
    """Old, because the service failed."""
    UNKNOWN = "unknown"
    """The Bloom filter knows that there is no such thing; nobody was asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, and where it came from."""

    value: bytes | None
    """None: there is no such thing."""
    how: How


class ResponseCache:
    """Answers by key, for one service. Values are bytes: what is in them is the caller's matter."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        rules: CacheRules | None = None,
        *,
        shared: SharedEntries | None = None,
        known: BloomFilter | None = None,
        failures: tuple[type[Exception], ...] = (DownstreamError, OSError, TimeoutError),
    ) -> None:
        """`known` holds every key that exists, where given; add what is created to it.

        A load that raises one of `failures` is answered with what is old, where there is any.
        """
        self._clock = clock
        self._rng = rng
        self._rules = rules = rules or CacheRules()
        self._local = LocalEntries(clock, bytes_max=rules.local_bytes, trust_s=rules.local_s)
        self._shared = shared or NoSharedEntries()
        self._flights: SingleFlight[Found] = SingleFlight()
        self._refreshing: set[asyncio.Task[None]] = set()
        self._failures = failures
        self.known = known
        self.counts: Counter[How] = Counter()

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {how}" for how, count in self.counts.most_common())
        return f"<ResponseCache {len(self._local)} entries, {self._local.size} bytes; {counts}>"

    async def get(self, key: str, load: Load) -> Found:
        """The answer for `key`, from the nearest place that has it; `load`'s error where none has.

        Cancelling one who waits does not disturb others who wait for the same key.
        """
        found = await self._get(key, load)
        self.counts[found.how] += 1
        return found

    async def peek(self, key: str) -> bytes | None:
        """What is held, however old, without asking the service: for `fallbacks.cached`."""
        held, _ = self._local.get(key)
        if held is None or self._clock.now() >= held.error_until:
            held = await self._shared.get(key)
        return None if held is None or self._clock.now() >= held.error_until else held.value

    async def drop(self, key: str) -> None:
        """The answer has changed: forget it, here and in every instance that listens."""
        self.forget(key)
        await self._shared.drop(key)

    def forget(self, key: str) -> None:
        """Forget the local copy: what another instance's `drop` asks for."""
        self._local.drop(key)
        self._flights.outdate(key)

    def forget_all(self) -> None:
        """Forget every local copy: announcements may have been missed."""
        self._local.clear()
        self._flights.outdate_all()

    async def close(self) -> None:
        """End what is being fetched anew."""
        tasks = list(self._refreshing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _get(self, key: str, load: Load) -> Found:
        if self.known is not None and key not in self.known:
            return Found(None, How.UNKNOWN)
        entry, trusted = self._local.get(key)
        now = self._clock.now()
        if entry is not None and trusted and now < entry.fresh_until:
            return Found(entry.value, How.LOCAL)
        if entry is not None and now < entry.stale_until:
            self._refresh(key, load)
            return Found(entry.value, How.STALE if now >= entry.fresh_until else How.LOCAL)
        return await self._flights.run(key, lambda flight: self._fetch(key, load, flight))

    def _refresh(self, key: str, load: Load) -> None:
        """Fetch in the background, once at a time; nobody waits for it."""
        if self._flights.is_flying(key):
            return
        task = spawn(self._refresh_quietly(key, load), name="refresh of a cached answer")
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)

    async def _refresh_quietly(self, key: str, load: Load) -> None:
        with contextlib.suppress(*self._failures):  # what is old goes on being given
            found = await self._flights.run(key, lambda flight: self._fetch(key, load, flight))
            self.counts[How.ON_ERROR] += found.how is How.ON_ERROR

    async def _fetch(self, key: str, load: Load, flight: Flight[Found]) -> Found:
        held = await self._shared.get(key)
        now = self._clock.now()
        if held is not None and now < held.fresh_until:
            self._hold(key, held, flight)
            return Found(held.value, How.SHARED)
        try:
            value = await load()
        except self._failures:
            old = held or self._local.get(key)[0]
            if old is None or self._clock.now() >= old.error_until:
                raise
            return Found(old.value, How.ON_ERROR)
        await self._store(key, value, flight)
        return Found(value, How.LOADED)

    async def _store(self, key: str, value: bytes | None, flight: Flight[Found]) -> None:
        now = self._clock.now()
        entry = make_entry(value, self._rules, now=now, chance=self._rng.random())
        self._hold(key, entry, flight)
        if not flight.outdated:
            await self._shared.put(key, entry, ttl_s=entry.error_until - now)
            if flight.outdated:  # dropped while it was on its way to the store
                await self._shared.drop(key)

    def _hold(self, key: str, entry: Entry, flight: Flight[Found]) -> None:
        """Keep a local copy, unless the key was dropped while it was being fetched."""
        if not flight.outdated:
            self._local.put(key, entry)
