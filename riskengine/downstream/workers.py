"""Pools of workers: so many pieces of work at a time, the rest waits within bounds."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from riskengine.downstream.errors import ClosedError, QueueFullError
from riskengine.downstream.work_places import OnLoop, Place
from riskengine.downstream.work_queue import WorkQueue

T = TypeVar("T")


class Workers(ABC):
    """What both kinds of pools have in common: SharedWorkers and ScheduledWorkers.

    A worker is a turn, not a task: coroutines run in the task of whoever asked. So nothing
    outlives its caller, and context variables are the caller's own.
    """

    def __init__(
        self,
        count: int,
        *,
        waiting_max: int = 1_000,
        patience_s: float | None = None,
        place: Place | None = None,
    ) -> None:
        """`count` pieces of work at a time; `waiting_max` more may wait, for `patience_s` each.

        `place` is where work is done: on the loop (coroutine functions) if None, InThreads or
        InProcesses (plain functions) otherwise.
        """
        if count < 1 or waiting_max < 0:
            raise ValueError("count must be 1 or more, waiting_max 0 or more")
        self._count = count
        self._waiting_max = waiting_max
        self._patience_s = patience_s
        self._place = place or OnLoop()
        self._drained = asyncio.Event()
        self._closed = False

    @property
    @abstractmethod
    def busy(self) -> int:
        """Workers that have something to do."""

    @property
    @abstractmethod
    def waiting(self) -> int:
        """Pieces of work that wait."""

    @abstractmethod
    async def _turn(self, priority: int, patience_s: float | None, key: bytes) -> int:
        """A worker, once it is free for this piece of work."""

    @abstractmethod
    def _done(self, worker: int) -> None:
        """A worker is free again."""

    def __repr__(self) -> str:
        state = f"busy={self.busy} of {self._count} waiting={self.waiting}"
        return f"<{type(self).__name__} {state}{' closed' if self._closed else ''}>"

    @overload
    async def run(
        self,
        work: Callable[[], Awaitable[T]],
        *,
        priority: int = 0,
        patience_s: float | None = None,
        key: bytes = b"",
    ) -> T: ...
    @overload
    async def run(
        self,
        work: Callable[[], T],
        *,
        priority: int = 0,
        patience_s: float | None = None,
        key: bytes = b"",
    ) -> T: ...
    async def run(
        self,
        work: Callable[[], Any],
        *,
        priority: int = 0,
        patience_s: float | None = None,
        key: bytes = b"",
    ) -> Any:
        """What `work` gives, once a worker was free.

        `priority` 0 is most urgent, and goes before all that is less so; `patience_s` is how long
        it may wait, the pool's own patience if None; `key` is for pools that dispatch by key.
        Raises QueueFullError at once when too much waits that is as urgent or more, StaleError
        when it waited too long, ClosedError, and whatever the work raises.
        """
        if self._closed:
            raise ClosedError("the workers are closed")
        patience_s = self._patience_s if patience_s is None else patience_s
        worker = await self._turn(priority, patience_s, key)
        return await self._place.perform(work, lambda: self._done(worker))

    async def drain(self) -> None:
        """Take no more work, wait for what there is, and let go of threads and processes."""
        self._closed = True
        while self.busy:
            self._drained.clear()
            await self._drained.wait()
        self._place.close()

    def _admit(self, priority: int, queue: WorkQueue) -> None:
        """Make sure that there is room to wait in `queue`. Raises QueueFullError."""
        if self.waiting >= self._waiting_max and not queue.push_out(priority):
            raise QueueFullError(f"{self._waiting_max} pieces of work wait already")
