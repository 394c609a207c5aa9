"""Workers with a queue each: work is dispatched when it comes, and stolen by those who are idle."""

from collections.abc import Callable

from riskengine.downstream.balancer import Balancer
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.inflight import InFlight
from riskengine.downstream.work_places import Place
from riskengine.downstream.work_queue import WorkQueue
from riskengine.downstream.workers import Workers


class ScheduledWorkers(Workers):
    """For work that should stay together: a hashing balancer sends equal keys to one worker.

    What a worker has in hand and in its queue is its load. Without stealing, work may wait behind
    something slow while others are idle; docs/downstream.md has the figures.
    """

    def __init__(
        self,
        count: int,
        make_balancer: Callable[[InFlight], Balancer],
        *,
        waiting_max: int = 1_000,
        patience_s: float | None = None,
        steals: bool = True,
        place: Place | None = None,
    ) -> None:
        """See Workers; `waiting_max` is for all queues together."""
        super().__init__(count, waiting_max=waiting_max, patience_s=patience_s, place=place)
        self._steals = steals
        self._load = InFlight()
        self._names = [Endpoint(f"worker-{number}:1") for number in range(count)]
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._balancer = make_balancer(self._load)
        self._balancer.update(self._names)
        self._queues = [WorkQueue(self._done) for _ in range(count)]
        self._free = set(range(count))

    @property
    def busy(self) -> int:
        """See Workers."""
        return self._count - len(self._free)

    @property
    def waiting(self) -> int:
        """See Workers."""
        return sum(len(queue) for queue in self._queues)

    async def _turn(self, priority: int, patience_s: float | None, key: bytes) -> int:
        worker = self._dispatch(key)
        if worker in self._free:
            self._free.discard(worker)
            self._load.started(self._names[worker])
            return worker
        self._admit(priority, self._queues[worker])
        self._load.started(self._names[worker])
        try:
            return await self._queues[worker].wait(priority, patience_s)
        finally:
            self._load.ended(self._names[worker])

    def _dispatch(self, key: bytes) -> int:
        """The worker that the balancer chooses, or an idle one that would steal it at once."""
        chosen = self._balancer.pick(key, _anyone)
        worker = 0 if chosen is None else self._numbers[chosen]
        if worker not in self._free and self._free and self._steals:
            return min(self._free)
        return worker

    def _done(self, worker: int) -> None:
        """The next one in the worker's own queue, or in the longest of the others."""
        if self._queues[worker].grant(worker) or self._steal(worker):
            return
        self._load.ended(self._names[worker])
        self._free.add(worker)
        self._drained.set()

    def _steal(self, worker: int) -> bool:
        return self._steals and max(self._queues, key=len).grant(worker)


def _anyone(worker: Endpoint) -> bool:
    return True
