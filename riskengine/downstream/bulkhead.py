"""A bulkhead: one service that is slow takes its own places, and nobody else's."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from riskengine.clock import Clock
from riskengine.downstream.call import Fate
from riskengine.downstream.concurrency import ConcurrencyLimit
from riskengine.downstream.errors import RejectedError
from riskengine.downstream.features import Priority
from riskengine.downstream.recent_waits import RecentWaits

_INTERVAL_S, _INTERVAL_MAX_S = 2.0, 20.0
"""What is looked back at."""
_FADE = 0.99


class Place:
    """A call that is inside; `fate` is what the limit learns from it."""

    __slots__ = ("entered_at", "fate")

    def __init__(self, entered_at: float) -> None:
        self.entered_at = entered_at
        self.fate = Fate.IGNORED
        """Set it to how the call went; what is cancelled stays ignored."""


class _Waiting:
    """A call outside, until its future is done."""

    __slots__ = ("admitted", "since")

    def __init__(self, since: float) -> None:
        self.admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.since = since


class Bulkhead:
    """Places of one service. Waiting is bounded in number and in time; vital calls go first."""

    def __init__(
        self,
        clock: Clock,
        limit: ConcurrencyLimit,
        *,
        waiting_max: int = 100,
        wait_max_s: float = 0.1,
        vital_wait_max_s: float = 0.5,
        name: str = "service",
    ) -> None:
        """A call waits `wait_max_s` at most, a vital one longer, and none beyond its deadline."""
        self._clock = clock
        self._limit = limit
        self._waiting_max = waiting_max
        self._wait_max_s = dict.fromkeys(Priority, wait_max_s)
        self._wait_max_s[Priority.VITAL] = max(wait_max_s, vital_wait_max_s)
        self._name = name
        self._queues: dict[Priority, deque[_Waiting]] = {p: deque() for p in Priority}
        self._let_in = {priority: RecentWaits() for priority in Priority}
        self._call_s = 0.0  # about what the longest of the latest calls took
        self.in_flight = 0
        self.rejected = 0

    def __repr__(self) -> str:
        return (
            f"<Bulkhead {self._name}: {self.in_flight} of {self._limit.limit} inside, "
            f"{self.waiting} waiting, {self.rejected} rejected>"
        )

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return sum(len(queue) for queue in self._queues.values())

    @property
    def busy_share(self) -> float:
        """Share of the places in use, 0..1 (above 1 for a moment after the limit fell)."""
        return self.in_flight / self._limit.limit

    def queue_time_s(self, least: Priority = Priority.OPTIONAL) -> float:
        """The wait that stands, of calls that matter as much as `least`; 0 where none does.

        It is the median of the last two seconds (of four calls of the service, where they take
        longer), and 0 while a tenth of the calls finds a place at once: then the queue passes.
        """
        return max(self._standing_s(priority) for priority in Priority if priority <= least)

    def _standing_s(self, priority: Priority) -> float:
        now, queue = self._clock.monotonic(), self._queues[priority]
        interval_s = min(_INTERVAL_MAX_S, max(_INTERVAL_S, 4 * self._call_s))
        if self.in_flight < self._limit.limit:
            return 0.0
        standing_s = self._let_in[priority].standing_s(now - interval_s)
        if standing_s is None:  # nobody got in: the first in line says how bad it is
            return now - queue[0].since if queue else 0.0
        return standing_s

    @contextlib.asynccontextmanager
    async def place(
        self, deadline: float, priority: Priority = Priority.IMPORTANT
    ) -> AsyncIterator[Place]:
        """A place for the block, by `deadline` (monotonic seconds). RejectedError without one."""
        await self._enter(deadline, priority)
        inside = Place(self._clock.monotonic())
        try:
            yield inside
        finally:
            self._leave(inside)

    async def _enter(self, deadline: float, priority: Priority) -> None:
        now = self._clock.monotonic()
        if self.in_flight < self._limit.limit and not self.waiting:
            self.in_flight += 1
            self._let_in[priority].note(now, 0.0)
            return
        self._make_room(priority)
        one = _Waiting(now)
        self._queues[priority].append(one)
        await self._wait(one, deadline, priority)
        admitted_at = self._clock.monotonic()
        self._let_in[priority].note(admitted_at, admitted_at - one.since)

    async def _wait(self, one: _Waiting, deadline: float, priority: Priority) -> None:
        try:
            async with asyncio.timeout(min(self._wait_max_s[priority], deadline - one.since)):
                await one.admitted
        except TimeoutError:
            if _is_admitted(one):
                return  # the place came in the same turn
            self._discard(one, priority)
            raise self._rejection("no place became free in time") from None
        except asyncio.CancelledError:
            self._give_back(one, priority)
            raise

    def _make_room(self, priority: Priority) -> None:
        """Send the youngest of the least important away; RejectedError when none is less so."""
        if self.waiting < self._waiting_max:
            return
        least = max((p for p in Priority if self._queues[p]), default=priority)
        if least <= priority:
            raise self._rejection("too many calls wait")
        out = self._queues[least].pop()
        if not out.admitted.done():
            out.admitted.set_exception(self._rejection("a more important call took its turn"))

    def _give_back(self, one: _Waiting, priority: Priority) -> None:
        """The caller has gone: leave the queue, or hand on the place that just came."""
        if _is_admitted(one):
            self.in_flight -= 1
            self._admit()
        else:
            self._discard(one, priority)

    def _discard(self, one: _Waiting, priority: Priority) -> None:
        with contextlib.suppress(ValueError):  # it may have lost its turn in the same moment
            self._queues[priority].remove(one)

    def _leave(self, inside: Place) -> None:
        took_s = self._clock.monotonic() - inside.entered_at
        self._call_s = max(took_s, _FADE * self._call_s)
        self._limit.learn(inside.fate, took_s, in_flight=self.in_flight)
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        """Give free places to those who wait, the most important first, in order."""
        for queue in self._queues.values():
            while queue and self.in_flight < self._limit.limit:
                one = queue.popleft()
                if not one.admitted.done():
                    one.admitted.set_result(None)
                    self.in_flight += 1

    def _rejection(self, problem: str) -> RejectedError:
        self.rejected += 1
        return RejectedError(f"the bulkhead of {self._name} is full: {problem}")


def _is_admitted(one: _Waiting) -> bool:
    future = one.admitted
    return future.done() and not future.cancelled() and future.exception() is None
