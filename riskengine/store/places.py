"""Places in flight: kept until the outcome of a request is known, then given back."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence

from riskengine.errors import StoreError
from riskengine.store.counters import Counters, Hit
from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.limits")
_KEPT_MAX = 65_536
_BATCH_MAX = 512
_BUDGET_S = 0.5


class Places:
    """Who holds which places. What is never given back lapses in the store with its lease."""

    def __init__(self, counters: Sequence[Counters], at_us: Callable[[], int | None]) -> None:
        """Places are given back to each of `counters`; `at_us` tells the time that counts there."""
        self._counters = tuple(counters)
        self._at_us = at_us
        self._kept: OrderedDict[str, tuple[Hit, ...]] = OrderedDict()
        self._leaving: list[Hit] = []
        self._task: asyncio.Task[None] | None = None

    def note(self, decision_id: str, places: tuple[Hit, ...], *, allowed: bool) -> None:
        """Remember what an allowed request holds; one that a later stage stopped needs nothing."""
        if not allowed:
            self.give_back(places)
            return
        self._kept[decision_id] = places
        if len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)

    def end(self, decision_id: str) -> None:
        """The request is over; once is enough, and unknown ones hold nothing."""
        places = self._kept.pop(decision_id, None)
        if places is not None:
            self.give_back(places)

    def give_back(self, places: Sequence[Hit]) -> None:
        """Free the places soon, without waiting for the store."""
        self._leaving += [place._replace(cost=0) for place in places]
        if self._task is None or self._task.done():
            self._task = spawn(self._flush(), name="places")

    async def settled(self) -> None:
        """Wait until everything given back so far has arrived."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _flush(self) -> None:
        while self._leaving:
            requests = [[hit] for hit in self._leaving[:_BATCH_MAX]]
            del self._leaving[:_BATCH_MAX]
            at = self._at_us()
            at_us = None if at is None else [at] * len(requests)
            for counters in self._counters:
                try:
                    await counters.hit(requests, at_us=at_us, budget_s=_BUDGET_S)
                except StoreError as error:  # the leases end them
                    _log.warning("places were not given back", extra={"reason": str(error)})
