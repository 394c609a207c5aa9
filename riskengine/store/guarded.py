"""A breaker around counters: while the store is away, nobody waits for it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from riskengine.clock import Clock
from riskengine.errors import StoreError
from riskengine.store.counters import Counters, Hit, Tally
from riskengine.tasks import spawn

SETTLE_S = 0.25
"""A store that several processes share is asked again so long after it is back: each of them looks
for it five times a second, and tells it what it counted before any of them asks."""

_log = logging.getLogger("riskengine.store")


class GuardedCounters:
    """Asks `inner` while it answers; after a few failures in a row says no at once.

    Meanwhile one cheap call every `probe_every_s` looks whether the store is back, so that no
    request pays for finding out. Before anybody asks again, `make_up` tells the store what was
    counted without it; it is called once more at the moment from which the store is asked.
    """

    def __init__(
        self,
        inner: Counters,
        clock: Clock,
        *,
        failures_max: int = 3,
        probe_every_s: float = 0.2,
        fair_budget_s: float = 0.003,
        make_up: Callable[[Counters], Awaitable[None]] | None = None,
        is_shared: Callable[[], bool] = lambda: False,
    ) -> None:
        """A call with less than `fair_budget_s` that fails tells nothing about the store."""
        self._make_up = make_up
        self._is_shared = is_shared
        self._inner = inner
        self._clock = clock
        self._failures_max = failures_max
        self._probe_every_s = probe_every_s
        self._fair_budget_s = fair_budget_s
        self._failures = 0
        self._away_since: float | None = None
        self._probe: asyncio.Task[None] | None = None

    @property
    def away_s(self) -> float | None:
        """Seconds since the store was given up; None while it is asked."""
        return None if self._away_since is None else self._clock.monotonic() - self._away_since

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """Count, or raise StoreError: at once while the store is away; see `Counters.hit`."""
        if self._away_since is not None:
            raise StoreError(f"the store has been away for {self.away_s:.1f} s")
        try:
            tallies = await self._inner.hit(requests, at_us=at_us, budget_s=budget_s)
        except StoreError as error:
            if budget_s >= self._fair_budget_s:
                self._note_failure(error)
            raise
        self._failures = 0
        return tallies

    async def close(self) -> None:
        """Stop looking and close `inner`."""
        if self._probe is not None:
            self._probe.cancel()
        await self._inner.close()

    def _note_failure(self, error: StoreError) -> None:
        self._failures += 1
        if self._failures < self._failures_max or self._away_since is not None:
            return
        self._away_since = self._clock.monotonic()
        _log.warning("store is away, deciding without it", extra={"reason": str(error)})
        self._probe = spawn(self._look_for_it(), name="store-probe")

    async def _look_for_it(self) -> None:
        while not await self._is_well():  # noqa: ASYNC110 - another machine's state has no event
            await asyncio.sleep(self._probe_every_s)
        _log.warning("store is back", extra={"away_s": self.away_s})
        self._away_since = None
        self._failures = 0
        with contextlib.suppress(StoreError):  # what it did not hear is owed until the next return
            await self._tell()

    async def _is_well(self) -> bool:
        """Whether the store answers, and knows what was counted without it."""
        try:
            await self._inner.hit([], budget_s=self._probe_every_s)
            await self._tell()
        except StoreError:
            return False
        if self._is_shared():
            await asyncio.sleep(SETTLE_S)
        return True

    async def _tell(self) -> None:
        if self._make_up is not None:
            await self._make_up(self._inner)
