"""How full two limits of concurrency keep a service, and how long its callers wait: virtual time.

The service does what its places allow (100 ms a call, half to one and a half of it at random) and
queues the rest; five times as much is asked. AIMD is the package's own; Gradient2 is the one of
Netflix's concurrency-limits, which needs no latency to be named.

    python -m benchmarks.concurrency_limits
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable

from riskengine.downstream.bulkhead import Bulkhead
from riskengine.downstream.call import Fate
from riskengine.downstream.concurrency import AimdLimit, AimdRules, ConcurrencyLimit
from riskengine.downstream.errors import RejectedError
from tests.virtual_loop import LoopClock, VirtualLoop

SERVICE_S, TIMES, SECONDS = 0.1, 5, 60
Places = Callable[[float], int]
"""Places of the service at a moment of the run."""
SERVICES: dict[str, Places] = {
    "10 places": lambda _now: 10,
    "20 places, then 5": lambda now: 20 if now < SECONDS / 2 else 5,
    "5 places, then 40": lambda now: 5 if now < SECONDS / 2 else 40,
}


class Gradient2Limit:
    """Falls by the ratio of the usual latency to the latest, and rises by the root of itself.

    Source: https://github.com/Netflix/concurrency-limits (Gradient2Limit)
    """

    def __init__(self, *, start: float = 20.0, tolerance: float = 1.5) -> None:
        self._limit = start
        self._tolerance = tolerance
        self._usual_s = 0.0
        self._calls = 0

    @property
    def limit(self) -> int:
        """See ConcurrencyLimit."""
        return int(self._limit)

    def learn(self, fate: Fate, latency_s: float, *, in_flight: int) -> None:
        """See ConcurrencyLimit."""
        if fate is Fate.IGNORED:
            return
        self._calls += 1
        self._usual_s += (latency_s - self._usual_s) / min(self._calls, 300)
        if self._usual_s > 2 * latency_s:
            self._usual_s *= 0.95
        if in_flight >= self._limit / 2:
            gradient = max(0.5, min(1.0, self._tolerance * self._usual_s / latency_s))
            new = self._limit * gradient + math.sqrt(self._limit)
            self._limit = max(2.0, min(1_000.0, 0.8 * self._limit + 0.2 * new))


class Service:
    """Takes as many calls at a time as it has places; the rest wait in order."""

    def __init__(self, places: Places, rng: random.Random) -> None:
        self._places = places
        self._rng = rng
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def call(self) -> None:
        """One call, from its arrival to its answer."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[None] = loop.create_future()
        self._waiting.append(arrived)
        self._admit(loop.time())
        await arrived
        await asyncio.sleep(SERVICE_S * self._rng.uniform(0.5, 1.5))
        self._busy -= 1
        self._admit(loop.time())

    def _admit(self, now: float) -> None:
        while self._waiting and self._busy < self._places(now):
            self._busy += 1
            self._waiting.popleft().set_result(None)


async def offer(limit: ConcurrencyLimit, places: Places) -> list[float]:
    """Latencies of the calls that were served, in order of size."""
    rng, loop = random.Random(1), asyncio.get_running_loop()
    walls, service = Bulkhead(LoopClock(), limit), Service(places, rng)
    latencies: list[float] = []

    async def ask() -> None:
        began = loop.time()
        try:
            async with walls.place(began + 1.0) as place:
                await service.call()
                place.fate = Fate.SUCCESS
        except RejectedError:
            return
        latencies.append(loop.time() - began)

    async with asyncio.TaskGroup() as calls:
        while loop.time() < SECONDS:
            await asyncio.sleep(rng.expovariate(TIMES * places(loop.time()) / SERVICE_S))
            calls.create_task(ask())
    return sorted(latencies)


def main() -> None:
    """Print a line for each service and limit."""
    print(f"{'service':20} {'limit':10} {'of capacity':>12} {'p50 ms':>8} {'p99 ms':>8}")
    for name, places in SERVICES.items():
        capacity = sum(places(second) for second in range(SECONDS)) / SERVICE_S
        for kind in ("aimd", "gradient2"):
            loop = VirtualLoop()
            aimd = AimdLimit(LoopClock(), AimdRules(slow_after_s=2.5 * SERVICE_S))
            limit = aimd if kind == "aimd" else Gradient2Limit()
            served = loop.run_until_complete(offer(limit, places))
            loop.close()
            p50, p99 = (1000 * served[int(len(served) * share)] for share in (0.5, 0.99))
            print(f"{name:20} {kind:10} {len(served) / capacity:12.1%} {p50:8.0f} {p99:8.0f}")


if __name__ == "__main__":
    main()
