"""Workers that share one queue: whoever is free takes what is next."""

from riskengine.downstream.work_places import Place
from riskengine.downstream.work_queue import WorkQueue
from riskengine.downstream.workers import Workers


class SharedWorkers(Workers):
    """The kind to start with: nothing waits while any worker is free. `key` is of no meaning."""

    def __init__(
        self,
        count: int,
        *,
        waiting_max: int = 1_000,
        patience_s: float | None = None,
        place: Place | None = None,
    ) -> None:
        """See Workers."""
        super().__init__(count, waiting_max=waiting_max, patience_s=patience_s, place=place)
        self._free = count
        self._queue = WorkQueue(self._done)

    @property
    def busy(self) -> int:
        """See Workers."""
        return self._count - self._free

    @property
    def waiting(self) -> int:
        """See Workers."""
        return len(self._queue)

    async def _turn(self, priority: int, patience_s: float | None, key: bytes) -> int:
        if self._free:
            self._free -= 1
            return 0
        self._admit(priority, self._queue)
        return await self._queue.wait(priority, patience_s)

    def _done(self, worker: int) -> None:
        if self._queue.grant(worker):
            return
        self._free += 1
        self._drained.set()
