"""A service of several endpoints, called as if it were one."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from riskengine.clock import Clock
from riskengine.downstream.call import Attempt, Call
from riskengine.downstream.choosing import Choosing
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.connection import Connection, Connector
from riskengine.downstream.discovery import Discovery
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ClosedError, DiscoveryError, NoEndpointError, RejectedError
from riskengine.downstream.held import hand_back
from riskengine.downstream.pool import ConnectionPool
from riskengine.downstream.runner import Chosen
from riskengine.tasks import spawn

C = TypeVar("C", bound=Connection)
T = TypeVar("T")
Work = Callable[[C], Awaitable[T]]
"""One attempt on a connection, its own that long; an answer may hold it longer (`Held`)."""


class Client(Generic[C]):
    """Pools, a balancer, and what protects them, in front of the endpoints of one service.

    `answer = await client.call(work, timeout_s=0.5)`, where `work` makes the call on the
    connection it is given.
    """

    def __init__(
        self,
        connector: Connector[C],
        parts: ClientParts | None = None,
        *,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """It has no endpoints until `update` names them."""
        self._connector = connector
        self._parts = parts = parts or ClientParts()
        self._clock = clock
        self._rng = rng
        self._choosing = Choosing(parts, clock=clock, rng=rng)
        self.in_flight = self._choosing.in_flight
        self.slow_start = self._choosing.slow_start
        self._pools: dict[Endpoint, ConnectionPool[C]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._followers: list[asyncio.Task[None]] = []
        self._closed = False

    def __repr__(self) -> str:
        pools = ", ".join(repr(pool) for pool in self._pools.values())
        return f"<Client {'closed ' if self._closed else ''}[{pools}]>"

    async def __aenter__(self) -> "Client[C]":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints of the service, whether well or not."""
        return list(self._pools)

    @property
    def pools(self) -> list[ConnectionPool[C]]:
        """The connections to each endpoint, to be looked at."""
        return list(self._pools.values())

    async def update(self, endpoints: Sequence[Endpoint], *, drain_s: float = 30.0) -> None:
        """Call these from now on; returns once the minimum of the new ones was tried for.

        Those that left finish what they have begun, within `drain_s`. Where there were endpoints
        before, new ones start slowly.
        """
        if self._closed:
            raise ClosedError("the client is closed")
        new = [endpoint for endpoint in dict.fromkeys(endpoints) if endpoint not in self._pools]
        gone = self._pools.keys() - set(endpoints)
        self._pools |= {endpoint: self._pool(endpoint) for endpoint in new}
        self._choosing.update(endpoints)
        for endpoint in gone:
            self._forget(endpoint, drain_s)
        await asyncio.gather(*(self._pools[endpoint].start() for endpoint in new))

    async def follow(self, source: Discovery) -> None:
        """Call what `source` lists, now and whenever it changes, until closed.

        Returns when the first list is in use; raises DiscoveryError when there is none.
        """
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        follower = spawn(self._follow(source, first), name="follow endpoints")
        self._followers.append(follower)
        try:
            await first
        except BaseException:
            follower.cancel()
            raise

    async def call(
        self,
        work: Work[C, T],
        *,
        timeout_s: float,
        key: bytes = b"",
        idempotent: bool = False,
    ) -> T:
        """The answer of `work`; an answer that reports a failure is one as well.

        Raises what `work` raised, a DownstreamError where it was never begun, TimeoutError after
        `timeout_s` in all.
        """
        call = Call(self._clock.monotonic() + timeout_s, key, idempotent)
        attempt = await self.run(call, work)
        if attempt.error is not None:
            raise attempt.error
        return attempt.answer  # type: ignore[return-value]  # an attempt without error has one

    async def run(self, call: Call, work: Work[C, T]) -> Attempt[T]:
        """As `call`, with what became of it; never raises but when cancelled."""
        return await self._parts.runner.run(call, lambda c, chosen: self.attempt(c, work, chosen))

    async def attempt(self, call: Call, work: Work[C, T], chosen: Chosen) -> Attempt[T]:
        """One attempt on one endpoint, whatever becomes of it."""
        if self._closed:
            return Attempt(None, None, NoEndpointError("the client is closed"))
        try:
            endpoint, permits = self._choosing.enter(call)
        except (NoEndpointError, RejectedError) as refusal:
            return Attempt(None, None, refusal)
        chosen(endpoint)
        started = self._clock.monotonic()
        self.in_flight.started(endpoint)
        answer: T | None = None
        error: BaseException | None = None
        try:
            answer = await self._work(endpoint, call, work)
        except BaseException as raised:  # noqa: BLE001 - told to everyone, then raised or returned
            error = raised
        result = self._choosing.leave(endpoint, permits, started, self._parts.judge(answer, error))
        if error is None or isinstance(error, Exception):
            return Attempt(answer, result, error)
        raise error

    async def close(self, *, drain_s: float = 0.0) -> None:
        """Take no more calls; those under way have `drain_s` to end."""
        self._closed = True
        for follower in self._followers:
            follower.cancel()
        deadline = self._clock.monotonic() + drain_s
        await asyncio.gather(*(pool.drain(deadline) for pool in self._pools.values()))
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _follow(self, source: Discovery, first: "asyncio.Future[None]") -> None:
        async def update(endpoints: Sequence[Endpoint]) -> None:
            await self.update(endpoints)
            if not first.done():
                first.set_result(None)

        try:
            await source.run(update)
        except DiscoveryError as error:
            if first.done():
                raise
            first.set_exception(error)

    def available(self, endpoint: Endpoint) -> bool:
        """Whether everything that watches it would send calls there."""
        return self._choosing.available(endpoint)

    async def _work(self, endpoint: Endpoint, call: Call, work: Work[C, T]) -> T:
        lease = await self._pools[endpoint].acquire(call.deadline)
        answer: T | None = None
        try:
            async with asyncio.timeout(call.deadline - self._clock.monotonic()):
                answer = await work(lease.connection)
                return answer
        finally:
            hand_back(lease, answer)

    def _forget(self, endpoint: Endpoint, drain_s: float) -> None:
        pool = self._pools.pop(endpoint)
        task = spawn(pool.drain(self._clock.monotonic() + drain_s), name="drain pool")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _pool(self, endpoint: Endpoint) -> ConnectionPool[C]:
        by, limits = self._connector, self._parts.limits
        return ConnectionPool(endpoint, by, limits, clock=self._clock, rng=self._rng)
