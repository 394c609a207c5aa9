"""Keeps a process's copy of the bans and the shared store alike, off the path of requests."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from riskengine.clock import Clock
from riskengine.errors import StoreError
from riskengine.store.ban_book import BanBook
from riskengine.store.bans import Ban, BanStore
from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.store")

_PUBLISHED_AT_ONCE = 500


class BanFeed:
    """Tells the store of bans made here, and this process of bans made elsewhere.

    While the store is away the copy stays as it is and bans go on ending; what was made meanwhile
    is told when it is back. A store that has lost its memory is told everything anew.
    """

    def __init__(
        self, store: BanStore, book: BanBook, clock: Clock, *, every_s: float = 0.25
    ) -> None:
        """Asks the store every `every_s`, and at once when there is something to tell."""
        self._store = store
        self.book = book
        self._clock = clock
        self._every_s = every_s
        self._untold: dict[str, Ban] = {}
        self._mark = ""
        self._synced_at: float | None = None
        self._wake, self._first = asyncio.Event(), asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._away = False

    @property
    def age_s(self) -> float | None:
        """Seconds since the copy was last known to be that of the store; None before the first."""
        return None if self._synced_at is None else self._clock.monotonic() - self._synced_at

    def publish(self, ban: Ban) -> None:
        """Ban here at once and elsewhere within a second. No I/O; see `BanBook.put_own`."""
        if self.book.put_own(ban):
            self._untold[ban.key] = ban
            self._wake.set()

    def start(self) -> None:
        """Go on syncing in the background until `close`."""
        if self._running is None:
            self._running = spawn(self._run(), name="ban-feed")

    async def first_sync(self, wait_s: float) -> bool:
        """Wait until the store has answered once, `wait_s` at most; whether it has."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._first.wait()
        return self._first.is_set()

    async def sync(self) -> None:
        """Tell and ask once; StoreError where the store does not answer."""
        await self._tell(list(self._untold.values()))
        changes = await self._store.changes(self._mark)
        if changes.whole:
            gone = self.book.replace([*changes.bans, *self._untold.values()])
            if changes.forgot:
                await self._restore(gone)
        else:
            for key in changes.lifted:
                self.book.lift(key)
            for ban in changes.bans:
                self.book.put(ban)
        self._mark = changes.mark
        self._synced_at = self._clock.monotonic()
        self._first.set()
        self.book.drop_ended(self._clock.now())

    async def close(self) -> None:
        """Tell what is untold, if the store listens, and stop."""
        if self._running is not None:
            self._running.cancel()
            self._running = None
        try:
            await self._tell(list(self._untold.values()))
        except StoreError as error:
            _log.warning("bans were not told to the store", extra={"reason": str(error)})
        await self._store.close()

    async def _tell(self, bans: Sequence[Ban]) -> None:
        for start in range(0, len(bans), _PUBLISHED_AT_ONCE):
            told = bans[start : start + _PUBLISHED_AT_ONCE]
            await self._store.add(told)
            for ban in told:
                if self._untold.get(ban.key) is ban:
                    del self._untold[ban.key]

    async def _restore(self, bans: Sequence[Ban]) -> None:
        now = self._clock.now()
        alive = [ban for ban in bans if ban.expires_at > now]
        for ban in alive:
            self.book.put(ban)
            self._untold[ban.key] = ban
        await self._tell(alive)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.sync()
                self._note(away=False)
            except StoreError as error:
                self._note(away=True, reason=str(error))
                self.book.drop_ended(self._clock.now())
                await asyncio.sleep(self._every_s)  # what is untold must not make us ask at once
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._wake.wait()

    def _note(self, *, away: bool, reason: str = "") -> None:
        if away and not self._away:
            _log.warning("bans are not synced, those known stay", extra={"reason": reason})
        if self._away and not away:
            _log.warning("bans are synced again")
        self._away = away
