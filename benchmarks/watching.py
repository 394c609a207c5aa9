"""What watching the counters costs: `python -m benchmarks.watching`.

Five rules a request over 10 000 clients, batches of 1, 8 and 64, counted in memory, so that nothing
but the watch is measured. The append is what a decision waits for; looking comes after it.
"""

import asyncio
import time
from collections.abc import Sequence

from riskengine.store.counters import Counters, Hit, Tally
from riskengine.store.hot_keys import HotKeys
from riskengine.store.watched import Seen, WatchedCounters

_RULES, _CLIENTS, _REQUESTS = 5, 10_000, 64_000
_WINDOW_US = 60_000_000


class Ready:
    """Counters that answer at once."""

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """The same tally for every hit."""
        return [[_TALLY] * len(hits) for hits in requests]

    async def close(self) -> None:
        """Nothing is held open."""


_TALLY = Tally(True, 90, 0.0)


def main() -> None:
    """Print one line for each size of batch."""
    asyncio.run(_run())


async def _run() -> None:
    requests = [
        [
            Hit(f"d:rl1:{{ip:{i % _CLIENTS}}}:rule-{n}:60000000", 100, _WINDOW_US)
            for n in range(_RULES)
        ]
        for i in range(_REQUESTS)
    ]
    for size in (1, 8, 64):
        batches = [requests[i : i + size] for i in range(0, _REQUESTS, size)]
        watched = WatchedCounters(Ready(), HotKeys("unix:///nowhere.sock", process="bench"))
        plain_us = await _time(Ready(), batches)
        watched_us = await _time(watched, batches)
        await watched.close()
        print(f"batches of {size:>2}: +{watched_us - plain_us:.2f} us a request while it decides")
    took = min(_look(requests[:1_000]) for _ in range(5))
    print(
        f"looking afterwards: {1e9 * took / 1_000 / _RULES:.0f} ns a hit, {_RULES} hits a request"
    )


async def _time(counters: Counters, batches: list[list[list[Hit]]]) -> float:
    """Microseconds of CPU a request, the best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for batch in batches:
            await counters.hit(batch, budget_s=1.0)
        best = min(best, time.process_time() - start)
    return 1e6 * best / _REQUESTS


def _look(requests: list[list[Hit]]) -> float:
    tallies = [[_TALLY] * len(hits) for hits in requests]
    start = time.process_time()
    Seen().take(requests, tallies)
    return time.process_time() - start


if __name__ == "__main__":
    main()
