"""A pool of connections to one endpoint."""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Generic, TypeVar

from riskengine.clock import Clock
from riskengine.downstream.connection import Connection, Connector
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import (
    ClosedError,
    ConnectError,
    PoolFullError,
    PoolTimeoutError,
)
from riskengine.downstream.pool_limits import PoolLimits
from riskengine.downstream.pool_state import PoolState, Slot
from riskengine.tasks import spawn

C = TypeVar("C", bound=Connection)
_log = logging.getLogger("riskengine.downstream")


class Lease(Generic[C]):
    """The right to make one call on a connection, until it is released."""

    __slots__ = ("_pool", "_slot", "connection")

    def __init__(self, pool: "ConnectionPool[C]", slot: Slot[C]) -> None:
        self._pool = pool
        self._slot: Slot[C] | None = slot
        self.connection = slot.connection

    def release(self) -> None:
        """Give the connection back; a second time does nothing."""
        slot, self._slot = self._slot, None
        if slot is not None:
            self._pool._give_back(slot)

    async def __aenter__(self) -> C:
        return self.connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class ConnectionPool(Generic[C]):
    """Connections to one endpoint: `async with await pool.acquire(deadline) as connection`.

    The most recently used connection is taken first, so that what a quiet hour does not need
    grows idle and is closed. Callers that find none wait in turn; nobody overtakes. Connections
    are opened by the pool, not by the caller, so a cancelled call neither loses nor breaks one.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        connector: Connector[C],
        limits: PoolLimits,
        *,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """`start` warms it up; a pool that is not started has no minimum and reaps nothing."""
        self.endpoint = endpoint
        self._connector = connector
        self._limits = limits
        self._clock = clock
        self._state: PoolState[C] = PoolState(limits, rng)
        self._waiters: deque[asyncio.Future[Slot[C]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._upkeep_at: asyncio.TimerHandle | None = None
        self._draining = False
        self._empty = asyncio.Event()

    def __repr__(self) -> str:
        state = self._state
        return (
            f"<ConnectionPool {self.endpoint.address} open={state.open} idle={state.idle} "
            f"calls={state.calls} opening={state.opening} closing={state.closing} "
            f"waiting={self.waiting} max={self._limits.connections_max}"
            f"{' draining' if self._draining else ''}>"
        )

    @property
    def open(self) -> int:
        """Connections that are open, used or not."""
        return self._state.open

    @property
    def idle(self) -> int:
        """Open connections without a call."""
        return self._state.idle

    @property
    def waiting(self) -> int:
        """Callers without a connection yet."""
        return sum(not waiter.done() for waiter in self._waiters)

    async def start(self) -> int:
        """Open the minimum and keep it; returns how many connections are open then.

        Fewer than the minimum when the endpoint does not take them; the pool keeps trying.
        """
        self._upkeep()
        opening = self._opening_tasks()
        if opening:
            await asyncio.wait(opening)
        return self._state.open

    async def acquire(self, deadline: float) -> Lease[C]:
        """A connection for one call; `deadline` is monotonic seconds.

        Raises PoolTimeoutError when none became free in time, ConnectError when none could be
        opened, PoolFullError when too many callers wait already, ClosedError.
        """
        if self._draining:
            raise ClosedError(f"the pool of {self.endpoint.address} is closed")
        if not self._waiters:
            slot, useless = self._state.take(self._clock.monotonic())
            if useless:
                self._close(useless)
            if slot is not None:
                return Lease(self, slot)
        return Lease(self, await self._wait(deadline))

    async def drain(self, deadline: float) -> None:
        """Take no more calls, wait for those under way until `deadline`, then close everything."""
        self._draining = True
        if self._upkeep_at is not None:
            self._upkeep_at.cancel()
        self._refuse_waiters(ClosedError(f"the pool of {self.endpoint.address} is closed"))
        self._close(self._state.empty())
        left_s = deadline - self._clock.monotonic()
        if self._state.open and left_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), left_s)
        self._close(self._state.abandon())
        for task in self._opening_tasks():
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Close everything now, the calls under way notwithstanding."""
        await self.drain(self._clock.monotonic())

    async def _wait(self, deadline: float) -> Slot[C]:
        left_s = deadline - self._clock.monotonic()
        if left_s <= 0:
            raise PoolTimeoutError(f"no time left to get a connection to {self.endpoint.address}")
        if len(self._waiters) >= self._limits.waiting_max and self.waiting >= (
            self._limits.waiting_max
        ):
            raise PoolFullError(
                f"{self._limits.waiting_max} callers wait for {self.endpoint.address} already"
            )
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Slot[C]] = loop.create_future()
        self._waiters.append(waiter)
        self._open(self._openings_for_waiters())
        timer = loop.call_later(left_s, _give_up, waiter, self.endpoint)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())
            raise
        finally:
            timer.cancel()
            if waiter.cancelled() or waiter.exception() is not None:
                self._forget(waiter)

    def _forget(self, waiter: asyncio.Future[Slot[C]]) -> None:
        """Drop a waiter that got nothing, so that the queue holds nobody who has left."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def _openings_for_waiters(self) -> int:
        """Openings that those who wait call for, beyond the ones under way."""
        per_connection = self._limits.calls_per_connection
        needed = -(-len(self._waiters) // per_connection) - self._state.opening
        return max(0, min(needed, self._state.room))

    def _give_back(self, slot: Slot[C]) -> None:
        self._close(self._state.give_back(slot, self._clock.monotonic()))
        self._serve()
        if self._draining and not self._state.open:
            self._empty.set()

    def _serve(self) -> None:
        """Hand free connections to those who wait, in turn; open more where that helps."""
        while self._waiters and not self._draining:
            if self._waiters[0].done():
                self._waiters.popleft()
                continue
            slot, useless = self._state.take(self._clock.monotonic())
            self._close(useless)
            if slot is None:
                self._open(self._openings_for_waiters())
                return
            self._waiters.popleft().set_result(slot)

    def _open(self, count: int) -> None:
        for _ in range(count):
            self._state.opening_begun()
            self._run(self._connect(), _OPEN)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_s):
                connection = await self._connector.connect(self.endpoint)
        except TimeoutError:
            late = f"no connection within {self._limits.connect_s:g} s"
            self._connect_failed(ConnectError(f"{self.endpoint.address}: {late}"))
        except ConnectError as error:
            self._connect_failed(error)
        except BaseException:
            self._connect_failed(ConnectError(f"{self.endpoint.address}: the connector failed"))
            raise
        else:
            self._close(self._state.opened(connection, self._clock.monotonic()))
            if self._draining:
                self._close(self._state.empty())
            self._serve()

    def _connect_failed(self, error: ConnectError) -> None:
        """Tell the caller that has waited longest; the others may have more luck."""
        self._state.opening_failed()
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error)
                break
        self._serve()

    def _close(self, connections: list[C]) -> None:
        for connection in connections:
            self._run(self._close_one(connection), "close connection")

    async def _close_one(self, connection: C) -> None:
        try:
            async with asyncio.timeout(self._limits.close_s):
                await connection.close()
        except TimeoutError:
            _log.warning("close took too long", extra={"endpoint": self.endpoint.address})
        finally:
            self._state.closed()
            self._serve()

    def _upkeep(self) -> None:
        upkeep = self._state.upkeep(self._clock.monotonic())
        self._close(upkeep.close)
        self._open(upkeep.open)
        loop = asyncio.get_running_loop()
        self._upkeep_at = loop.call_later(self._limits.upkeep_s, self._upkeep)

    def _refuse_waiters(self, error: ClosedError) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
        self._waiters.clear()

    def _opening_tasks(self) -> list[asyncio.Task[None]]:
        return [task for task in self._tasks if task.get_name() == _OPEN]

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = spawn(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_OPEN = "open connection"


def _give_up(waiter: "asyncio.Future[Any]", endpoint: Endpoint) -> None:
    if not waiter.done():
        waiter.set_exception(
            PoolTimeoutError(f"no connection to {endpoint.address} became free in time")
        )
