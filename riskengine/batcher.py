"""Turns calls that arrive together into one batch, and keeps the queue honest under overload."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple, Protocol

from riskengine.clock import Clock
from riskengine.decision import Decision
from riskengine.errors import DeadlineError, OverloadedError
from riskengine.request import Request
from riskengine.tasks import spawn

_QUIET_S = 0.002
"""Company that is still to come comes within this time of the last."""
_COMPANY = 4
"""So many lone batches in a row end the expectation of company."""
_PROBE_EVERY = 32
"""A lone caller waits once in so many calls, so that newcomers beside it are noticed."""


class Requests(Protocol):
    """What one caller asks about: a list, or something that is read once, when its turn comes."""

    def __len__(self) -> int:
        """How many they are; at most so many, while they are not read."""
        ...

    def __iter__(self) -> Iterator[Request]:
        """The requests, in order."""
        ...


class Work(NamedTuple):
    """One batch to be decided."""

    requests: list[Request]
    deadline: float
    """Monotonic seconds: the earliest among the calls in it."""
    overloaded: bool
    """True when a call in it spent half of its time waiting: what is not vital should be shed."""


class _Call(NamedTuple):
    requests: Requests
    deadline: float
    patience: float
    """Monotonic seconds by which half of its time is over."""
    answer: asyncio.Future[list[Decision]]


class Batcher:
    """Everything that arrived in one turn of the loop becomes one batch.

    At most `in_flight` batches are out at a time; while they wait for the store, arrivals gather.
    And while the process is busy, a batch waits for company as long as it keeps coming, `gather_s`
    at most, because one call to the store and to the model then serves several; a lone caller
    hardly ever waits, and nobody does while there is time. So a busy engine spends less on each
    request (benchmarks/decisions.py).
    """

    def __init__(
        self,
        decide: Callable[[Work], Awaitable[list[Decision]]],
        *,
        clock: Clock,
        batch_max: int = 256,
        in_flight: int = 1,
        waiting_max: int = 8_192,
        gather_s: float = 0.0125,
        gather_max: int = 32,
        is_busy: Callable[[], bool] = lambda: True,
    ) -> None:
        """Counts are requests, but for `in_flight`, which counts batches.

        Gathering ends early once `gather_max` requests are there; with `gather_s` 0 there is none.
        """
        self._decide = decide
        self._clock = clock
        self._batch_max = batch_max
        self._in_flight_max = in_flight
        self._waiting_max = waiting_max
        self._calls: deque[_Call] = deque()
        self._gather_s = gather_s
        self._gather_max = gather_max
        self._is_busy = is_busy
        self._waiting = 0
        self._flush_at: asyncio.Handle | None = None
        self._gathering = False
        self._gather_until = 0.0
        self._waited_before = 0
        self._company = 0
        self._lone_batches = 0
        self._running: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Requests that no batch has taken up yet."""
        return self._waiting

    async def submit(self, requests: Requests, deadline: float) -> list[Decision]:
        """Decisions for `requests`, in order.

        What waits is read when its batch begins: a request takes several times the memory of its
        message, and whatever waits as a message leaves the caches to the batch before.

        Raises OverloadedError at once when too much is waiting, DeadlineError when `deadline`
        (monotonic seconds) passed before the requests were taken up.
        """
        if self._waiting + len(requests) > self._waiting_max:
            raise OverloadedError(f"more than {self._waiting_max} requests are waiting")
        loop = asyncio.get_running_loop()
        patience = (self._clock.monotonic() + deadline) / 2
        call = _Call(requests, deadline, patience, loop.create_future())
        self._calls.append(call)
        self._waiting += len(requests)
        self._schedule(loop)
        return await call.answer

    async def drain(self) -> None:
        """Answer everything submitted so far; nobody waits for company any more."""
        while self._calls or self._running:
            if self._flush_at is not None:
                self._flush_at.cancel()
                self._flush()
            if self._running:
                await asyncio.wait(self._running)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that what waits is flushed: at the end of this turn, or after gathering."""
        if self._flush_at is None:
            self._gathering = self._expects_more()
            if self._gathering and self._waiting < self._gather_max:
                self._gather_until = self._clock.monotonic() + self._gather_time()
                self._gather_on(loop)
            else:
                self._flush_at = loop.call_soon(self._flush)
        elif self._gathering and self._waiting >= self._gather_max:
            self._gathering = False
            self._flush_at.cancel()
            self._flush_at = loop.call_soon(self._flush)

    def _gather_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._waited_before = self._waiting
        left_s = self._gather_until - self._clock.monotonic()
        self._flush_at = loop.call_later(min(_QUIET_S, left_s), self._look_up, loop)

    def _look_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look who has come, after those calls that have arrived by now are taken in."""
        self._flush_at = loop.call_soon(self._go_or_gather_on, loop)

    def _go_or_gather_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting > self._waited_before and self._clock.monotonic() < self._gather_until:
            self._gather_on(loop)
        else:
            self._flush()

    def _expects_more(self) -> bool:
        """After a batch of several calls; and now and then, to find out."""
        expected = self._company > 0 or self._lone_batches % _PROBE_EVERY == 0
        return self._gather_s > 0 and expected and self._is_busy()

    def _gather_time(self) -> float:
        """Seconds to wait for company: a quarter of what its first caller has, at most."""
        left_s = self._calls[0].deadline - self._clock.monotonic()
        return min(self._gather_s, left_s / 4)

    def _flush(self) -> None:
        self._flush_at = None
        while self._calls and len(self._running) < self._in_flight_max:
            calls = self._take()
            if calls:
                self._note_size(len(calls))
                task = spawn(self._run(calls), name="batch")
                self._running.add(task)
                task.add_done_callback(self._finished)

    def _note_size(self, calls: int) -> None:
        if calls > 1:
            self._company, self._lone_batches = _COMPANY, 0
            return
        self._company = max(0, self._company - 1)
        self._lone_batches += 1

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._calls:
            self._schedule(asyncio.get_running_loop())

    def _take(self) -> list[_Call]:
        """The calls of the next batch; those that nobody waits for any more are dropped here."""
        now = self._clock.monotonic()
        taken: list[_Call] = []
        size = 0
        while self._calls and (not taken or size + len(self._calls[0].requests) <= self._batch_max):
            call = self._calls.popleft()
            self._waiting -= len(call.requests)
            if call.answer.done():
                continue
            if call.deadline <= now:
                call.answer.set_exception(DeadlineError("the deadline passed before work began"))
                continue
            taken.append(call)
            size += len(call.requests)
        return taken

    async def _run(self, calls: list[_Call]) -> None:
        deadline = min(call.deadline for call in calls)
        overloaded = self._clock.monotonic() > min(call.patience for call in calls)
        try:
            read = [list(call.requests) for call in calls]
            requests = [request for own in read for request in own]
            decisions = await self._decide(Work(requests, deadline, overloaded))
        except Exception as error:  # noqa: BLE001 - handed to every caller of the batch, not swallowed
            for call in calls:
                if not call.answer.done():
                    call.answer.set_exception(error)
            return
        start = 0
        for call, own in zip(calls, read, strict=True):
            end = start + len(own)
            if not call.answer.done():
                call.answer.set_result(decisions[start:end])
            start = end
