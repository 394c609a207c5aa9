"""A service of several endpoints, called as if it were one."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, TypeVar

from riskengine.clock import Clock
from riskengine.downstream.balancer import Balancer
from riskengine.downstream.call import Attempt, Call, CallResult, Fate, Judge, Judgement, Progress
from riskengine.downstream.connection import Connection, Connector
from riskengine.downstream.discovery import Discovery
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ClosedError, DiscoveryError, NoEndpointError, RejectedError
from riskengine.downstream.guards import Guard, Permit, Watch
from riskengine.downstream.held import hand_back
from riskengine.downstream.inflight import InFlight
from riskengine.downstream.judging import judge_errors_only
from riskengine.downstream.least_loaded import PowerOfTwo, calls_per_weight
from riskengine.downstream.pool import ConnectionPool
from riskengine.downstream.pool_limits import PoolLimits
from riskengine.downstream.priorities import Priorities
from riskengine.downstream.runner import Chosen, Once, Runner
from riskengine.downstream.slow_start import SlowStart
from riskengine.tasks import spawn

C = TypeVar("C", bound=Connection)
T = TypeVar("T")
Work = Callable[[C], Awaitable[T]]
"""One attempt on a connection, its own that long; an answer may hold it longer (`Held`)."""


@dataclass(frozen=True)
class ClientParts:
    """What a client is made of; whatever is not named takes the sensible default."""

    limits: PoolLimits = field(default_factory=PoolLimits)
    judge: Judge = judge_errors_only
    balancer: Callable[[InFlight, SlowStart], Balancer] | None = None
    """Makes the balancer of one priority; power of two choices if None."""
    panic_below: float = 0.5
    zone: str = ""
    """Where the client runs: endpoints of that zone are preferred, while they can carry it."""
    slow_start_s: float = 30.0
    watches: Sequence[Watch] = ()
    guards: Sequence[Guard] = ()
    runner: Runner = field(default_factory=Once)


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
        self.in_flight = InFlight()
        self.slow_start = SlowStart(clock, window_s=parts.slow_start_s)
        self._priorities = Priorities(
            self._balancer, rng, panic_below=parts.panic_below, zone=parts.zone
        )
        self._pools: dict[Endpoint, ConnectionPool[C]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._followers: list[asyncio.Task[None]] = []
        self._away: set[Endpoint] = set()  # those not available when last looked at
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
        if self._pools:
            for endpoint in new:
                self.slow_start.begin(endpoint)
        self._pools |= {endpoint: self._pool(endpoint) for endpoint in new}
        self._priorities.update(endpoints)
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
        try:
            endpoint, permits = self._enter(call)
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
        result = self._finish(endpoint, permits, started, self._parts.judge(answer, error))
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
        # A loop: `all` over a generator takes twice as long, and each pick asks for each endpoint.
        for watch in self._parts.watches:  # noqa: SIM110
            if not watch.available(endpoint):
                return False
        return True

    async def _work(self, endpoint: Endpoint, call: Call, work: Work[C, T]) -> T:
        lease = await self._pools[endpoint].acquire(call.deadline)
        answer: T | None = None
        try:
            async with asyncio.timeout(call.deadline - self._clock.monotonic()):
                answer = await work(lease.connection)
                return answer
        finally:
            hand_back(lease, answer)

    def _enter(self, call: Call) -> tuple[Endpoint, list[Permit]]:
        """An endpoint that is willing, and the leave of every guard.

        An endpoint whose guard refuses is passed over; only when all do is the call refused.
        """
        if self._closed:
            raise NoEndpointError("the client is closed")
        refused: frozenset[Endpoint] = frozenset()
        last: RejectedError | None = None
        while len(refused) < len(self._pools):
            endpoint = self._pick(call, refused)
            if endpoint is None or endpoint in refused:
                break
            try:
                return endpoint, self._permits(endpoint)
            except RejectedError as error:
                refused, last = refused | {endpoint}, error
        raise last or NoEndpointError("the service has no endpoint that may be called")

    def _pick(self, call: Call, refused: frozenset[Endpoint]) -> Endpoint | None:
        return self._priorities.pick(call.key, self._may_go_to, call.tried | refused)

    def _may_go_to(self, endpoint: Endpoint) -> bool:
        """Whether it is available; one that has come back starts slowly."""
        if not self.available(endpoint):
            self._away.add(endpoint)
            return False
        if endpoint in self._away:
            self._away.discard(endpoint)
            self.slow_start.begin(endpoint)
        return True

    def _permits(self, endpoint: Endpoint) -> list[Permit]:
        permits: list[Permit] = []
        try:
            for guard in self._parts.guards:
                permits.append(guard.enter(endpoint))  # noqa: PERF401 - those given must be kept
        except RejectedError:
            unused = CallResult(endpoint, Fate.IGNORED, Progress.NOT_SENT, 0.0)
            for permit in permits:
                permit.finished(unused)
            raise
        return permits

    def _finish(
        self, endpoint: Endpoint, permits: list[Permit], started: float, judged: Judgement
    ) -> CallResult:
        """Tell everyone what became of an attempt."""
        self.in_flight.ended(endpoint)
        result = CallResult(
            endpoint,
            judged.fate,
            judged.progress,
            self._clock.monotonic() - started,
            judged.retryable,
            judged.retry_after_s,
        )
        for permit in permits:
            permit.finished(result)
        if endpoint in self._pools:
            for watch in self._parts.watches:
                watch.finished(result)
        return result

    def _forget(self, endpoint: Endpoint, drain_s: float) -> None:
        pool = self._pools.pop(endpoint)
        self._away.discard(endpoint)
        self.slow_start.forget(endpoint)
        for watch in self._parts.watches:
            watch.forget(endpoint)
        for guard in self._parts.guards:
            guard.forget(endpoint)
        task = spawn(pool.drain(self._clock.monotonic() + drain_s), name="drain pool")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _pool(self, endpoint: Endpoint) -> ConnectionPool[C]:
        by, limits = self._connector, self._parts.limits
        return ConnectionPool(endpoint, by, limits, clock=self._clock, rng=self._rng)

    def _balancer(self) -> Balancer:
        if self._parts.balancer is not None:
            return self._parts.balancer(self.in_flight, self.slow_start)
        cost = calls_per_weight(self.in_flight, self.slow_start.weight_of)
        return PowerOfTwo(cost, self._rng)
