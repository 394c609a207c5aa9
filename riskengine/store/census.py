"""Counts the processes that share a store, through the store, while it is well."""

import asyncio
import contextlib
import secrets

from riskengine.errors import StoreError
from riskengine.store.counters import Algorithm, Counters, Hit
from riskengine.tasks import spawn

EVERY_S = 2.0
LEASE_S = 10.0
_PROCESSES_MAX = 10_000
_BUDGET_S = 0.5


class Census:
    """Keeps a place in flight for this process, and knows how many processes have one."""

    def __init__(self, counters: Counters, *, at_least: int) -> None:
        """`at_least` is how many there are for sure, though some may have had nothing to count."""
        self._at_least = at_least
        self._counters = counters
        self._place = Hit(
            "riskengine:rl1:{processes}",
            _PROCESSES_MAX,
            round(LEASE_S * 1_000_000),
            algorithm=Algorithm.CONCURRENCY,
            token=secrets.token_bytes(8),
        )
        self._task: asyncio.Task[None] | None = None
        self.processes = at_least
        """Processes counted last; while the store is away this stays as it was."""

    @property
    def share(self) -> float:
        """This process's part of a limit that it counts alone."""
        return 1 / self.processes

    def begin(self) -> None:
        """Take part, from the running loop; idempotent."""
        if self._task is None:
            self._task = spawn(self._renew(), name="census")

    async def end(self) -> None:
        """Give the place back, where the store answers."""
        if self._task is None:
            return
        self._task.cancel()
        self._task = None
        with contextlib.suppress(StoreError):
            await self._counters.hit([[self._place._replace(cost=0)]], budget_s=_BUDGET_S)

    async def count(self) -> None:
        """Keep the place and count once; StoreError where nobody answers."""
        [[tally]] = await self._counters.hit([[self._place]], budget_s=_BUDGET_S)
        self.processes = max(self._at_least, _PROCESSES_MAX - tally.remaining)

    async def _renew(self) -> None:
        while True:
            with contextlib.suppress(StoreError):  # as many as before, until the store is back
                await self.count()
            await asyncio.sleep(EVERY_S)
