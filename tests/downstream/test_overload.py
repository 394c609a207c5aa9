"""Levels follow standing queues: no flapping at any load, whatever calls take, equal or not."""

import asyncio
import random
from collections.abc import Callable

import pytest

from riskengine.downstream.bulkhead import Bulkhead
from riskengine.downstream.concurrency import FixedLimit
from riskengine.downstream.degradation import Degradation
from riskengine.downstream.fallbacks import empty
from riskengine.downstream.features import Feature, Priority
from riskengine.downstream.overload import Overload
from riskengine.downstream.shedding import Shedding
from tests.virtual_loop import LoopClock, VirtualLoop, in_virtual_time

FEATURES = [
    Feature("order", Priority.VITAL),
    Feature("search", Priority.IMPORTANT, empty()),
    Feature("reviews", Priority.OPTIONAL, empty()),
]
SERVICE_TIMES: dict[str, Callable[[random.Random, float], float]] = {
    "equal": lambda rng, mean_s: mean_s,
    "uneven": lambda rng, mean_s: rng.uniform(0.5, 1.5) * mean_s,
    "exponential": lambda rng, mean_s: rng.expovariate(1 / mean_s),
}


class Shop:
    """Calls of three priorities, a service of some places, and what protects it."""

    def __init__(self, places: int, mean_s: float, kind: str) -> None:
        self.clock, self.rng = LoopClock(), random.Random(7)
        self.places, self.mean_s, self._took = places, mean_s, SERVICE_TIMES[kind]
        self.walls = Bulkhead(self.clock, FixedLimit(places))
        self.shedding = Shedding(self.clock)
        self.degradation = Degradation(self.clock, FEATURES)
        self.overload = Overload(
            self.clock, self.shedding, self.degradation, bulkheads=[self.walls]
        )
        self.served: list[Priority] = []
        self._seen: list[int] = []

    async def offer(self, load: float, seconds: float, *, vital: float) -> list[int]:
        """`load` times the capacity for so long, `vital` of it vital; the changes of level."""
        watching = asyncio.ensure_future(self._watch())
        total = load * self.places / self.mean_s
        rest = (load - min(vital, load)) / load / 2
        ends, calls = self.clock.monotonic() + seconds, []
        while self.clock.monotonic() < ends:
            await asyncio.sleep(self.rng.expovariate(total))
            [feature] = self.rng.choices(FEATURES, [1 - 2 * rest, rest, rest])
            calls.append(asyncio.ensure_future(self._ask(feature)))
        await asyncio.gather(*calls, return_exceptions=True)
        watching.cancel()
        [levels] = await asyncio.gather(watching, return_exceptions=True)
        assert isinstance(levels, asyncio.CancelledError)
        seen, self._seen = self._seen, []
        return seen

    async def _watch(self) -> None:
        level = self.shedding.level
        while True:
            if self.overload.look() != level:
                level = self.shedding.level
                self._seen.append(level)
            await asyncio.sleep(0.1)

    async def _ask(self, feature: Feature) -> None:
        await self.degradation.run(feature.name, None, lambda: self._inside(feature.priority))

    async def _inside(self, priority: Priority) -> None:
        async with self.walls.place(self.clock.monotonic() + 1.0, priority):
            await asyncio.sleep(self._took(self.rng, self.mean_s))
        self.served.append(priority)


@pytest.mark.parametrize("kind", SERVICE_TIMES)
@pytest.mark.parametrize("load", [0.5, 0.9])
@pytest.mark.parametrize(("places", "mean_s"), [(10, 0.1), (4, 0.3), (1, 0.02)])
def test_a_load_that_fits_enters_no_level(
    kind: str, load: float, places: int, mean_s: float
) -> None:
    async def run(loop: VirtualLoop) -> None:
        shop = Shop(places, mean_s, kind)
        assert await shop.offer(load, 40, vital=0.3) == []

    in_virtual_time(run)


@pytest.mark.parametrize("kind", SERVICE_TIMES)
@pytest.mark.parametrize("load", [2.0, 5.0])
def test_overload_enters_a_level_once_and_leaves_it_once(kind: str, load: float) -> None:
    async def run(loop: VirtualLoop) -> None:
        shop = Shop(10, 0.1, kind)
        assert await shop.offer(load, 6, vital=0.6) == [1]
        shop.served.clear()
        assert await shop.offer(load, 10, vital=0.6) == []
        assert len(shop.served) >= 0.9 * 10 * 100, "its places are used"
        assert await shop.offer(0.4, 30, vital=0.2) == [0]

    in_virtual_time(run)


@pytest.mark.parametrize("kind", SERVICE_TIMES)
def test_on_the_verge_of_overload_levels_do_not_flap(kind: str) -> None:
    async def run(loop: VirtualLoop) -> None:
        shop = Shop(10, 0.1, kind)
        assert await shop.offer(1.2, 40, vital=0.4) in ([], [1])

    in_virtual_time(run)


def test_vital_calls_that_wait_themselves_take_the_next_level() -> None:
    async def run(loop: VirtualLoop) -> None:
        shop = Shop(10, 0.1, "equal")
        assert await shop.offer(3.0, 15, vital=1.2) == [1, 2]

    in_virtual_time(run)
