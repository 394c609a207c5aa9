"""Those who wait for a worker: the urgent first, then in the order they came."""

import asyncio
import heapq
from collections.abc import Callable

from riskengine.downstream.errors import QueueFullError, StaleError


class Ticket:
    """One who waits; `turn` brings the number of the worker whose turn it is."""

    __slots__ = ("counted", "number", "priority", "turn")

    def __init__(self, priority: int, number: int, turn: asyncio.Future[int]) -> None:
        self.priority = priority
        self.number = number
        self.turn = turn
        self.counted = True

    def __lt__(self, other: "Ticket") -> bool:
        return (self.priority, self.number) < (other.priority, other.number)


class WorkQueue:
    """A queue from which anyone may leave at any time: cancelled, out of patience, pushed out."""

    def __init__(self, give_back: Callable[[int], None]) -> None:
        """`give_back` takes the worker whose turn came to someone who had just left."""
        self._give_back = give_back
        self._heap: list[Ticket] = []
        self._numbers = 0
        self._waiting = 0

    def __len__(self) -> int:
        """Those who wait."""
        return self._waiting

    async def wait(self, priority: int, patience_s: float | None) -> int:
        """The number of the worker whose turn it is. Raises StaleError when patience ran out."""
        loop = asyncio.get_running_loop()
        ticket = self._push(priority, loop.create_future())
        timer = None if patience_s is None else loop.call_later(patience_s, _give_up, ticket)
        try:
            return await ticket.turn
        except asyncio.CancelledError:
            if _was_granted(ticket.turn):
                self._give_back(ticket.turn.result())
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._uncount(ticket)
            self._compact()

    def grant(self, worker: int) -> bool:
        """Give the next one their turn with `worker`; False when nobody waits."""
        while self._heap:
            ticket = heapq.heappop(self._heap)
            self._uncount(ticket)
            if not ticket.turn.done():
                ticket.turn.set_result(worker)
                return True
        return False

    def push_out(self, priority: int) -> bool:
        """Make room for someone of `priority` by refusing the least urgent of those who wait.

        False when all of them are at least as urgent.
        """
        waiting = [ticket for ticket in self._heap if not ticket.turn.done()]
        last = max(waiting, default=None)
        if last is None or last.priority <= priority:
            return False
        last.turn.set_exception(QueueFullError("pushed out of the queue by more urgent work"))
        self._uncount(last)
        return True

    def refuse_all(self, error: Exception) -> None:
        """Send everyone away with `error`."""
        for ticket in self._heap:
            if not ticket.turn.done():
                ticket.turn.set_exception(error)
            self._uncount(ticket)
        self._heap.clear()

    def _push(self, priority: int, turn: asyncio.Future[int]) -> Ticket:
        self._numbers += 1
        ticket = Ticket(priority, self._numbers, turn)
        heapq.heappush(self._heap, ticket)
        self._waiting += 1
        return ticket

    def _uncount(self, ticket: Ticket) -> None:
        if ticket.counted:
            ticket.counted = False
            self._waiting -= 1

    def _compact(self) -> None:
        """Drop those who left, once they are most of the heap."""
        if len(self._heap) > 2 * self._waiting + 16:
            self._heap = [ticket for ticket in self._heap if ticket.counted]
            heapq.heapify(self._heap)


def _give_up(ticket: Ticket) -> None:
    if not ticket.turn.done():
        ticket.turn.set_exception(StaleError("no worker became free while the work was worth it"))


def _was_granted(turn: asyncio.Future[int]) -> bool:
    return turn.done() and not turn.cancelled() and turn.exception() is None
