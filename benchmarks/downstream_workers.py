"""Both kinds of worker pools under skewed load: how long work takes, waiting included.

Eight workers; work arrives at random (Poisson); nineteen pieces in twenty are short, one is fifty
times as long; keys follow Zipf's law, so that one in seven pieces is for the busiest key. Time is
virtual and randomness seeded: the pools are the real ones, and the figures are the same on every
machine. What a pool costs in CPU time is measured beside it.

    python -m benchmarks.downstream_workers [--plot docs/images/downstream-workers.svg] [--json]
"""

import argparse
import asyncio
import functools
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from riskengine.downstream.hash_ring import HashRing
from riskengine.downstream.hashing import BoundedHash
from riskengine.downstream.inflight import InFlight
from riskengine.downstream.least_loaded import LeastLoaded, PowerOfTwo, calls_per_weight
from riskengine.downstream.round_robin import RoundRobin
from riskengine.downstream.scheduled_workers import ScheduledWorkers
from riskengine.downstream.shared_workers import SharedWorkers
from riskengine.downstream.workers import Workers
from tests.virtual_loop import VirtualLoop

WORKERS = 8
PIECES = 5_000
LOADS = (0.3, 0.5, 0.7, 0.8, 0.9)
SHORT_S, LONG_S, LONG_SHARE = 0.001, 0.050, 0.05
MEAN_S = SHORT_S * (1 - LONG_SHARE) + LONG_S * LONG_SHARE
KEYS = 200


def _ring(load: InFlight) -> BoundedHash:
    return BoundedHash(HashRing, load, bound=1e9)


def _bounded(load: InFlight) -> BoundedHash:
    return BoundedHash(HashRing, load, bound=1.25)


def _least(load: InFlight) -> LeastLoaded:
    return LeastLoaded(calls_per_weight(load), random.Random(2))


def _two(load: InFlight) -> PowerOfTwo:
    return PowerOfTwo(calls_per_weight(load), random.Random(3))


def _round(_: InFlight) -> RoundRobin:
    return RoundRobin()


def kinds() -> dict[str, Callable[[], Workers]]:
    """Name -> a fresh pool of that kind; nothing is refused, so that all do the same work."""
    scheduled = functools.partial(ScheduledWorkers, WORKERS, waiting_max=PIECES)
    return {
        "shared": lambda: SharedWorkers(WORKERS, waiting_max=PIECES),
        "round robin": lambda: scheduled(_round, steals=False),
        "round robin, stealing": lambda: scheduled(_round),
        "least loaded": lambda: scheduled(_least, steals=False),
        "power of two": lambda: scheduled(_two, steals=False),
        "by key": lambda: scheduled(_ring, steals=False),
        "by key, bounded": lambda: scheduled(_bounded, steals=False),
        "by key, stealing": lambda: scheduled(_ring),
    }


async def latencies(make: Callable[[], Workers], load: float) -> list[float]:
    """Seconds from arrival to end of every piece of work."""
    rng, workers = random.Random(1), make()
    weights = [1 / rank for rank in range(1, KEYS + 1)]
    keys = [b"%d" % key for key in rng.choices(range(KEYS), weights, k=PIECES)]
    loop = asyncio.get_running_loop()
    seen: list[float] = []

    async def piece(key: bytes, takes_s: float) -> None:
        arrived = loop.time()
        await workers.run(lambda: asyncio.sleep(takes_s), key=key)
        seen.append(loop.time() - arrived)

    under_way = []
    for key in keys:
        takes_s = LONG_S if rng.random() < LONG_SHARE else SHORT_S
        under_way.append(asyncio.ensure_future(piece(key, takes_s)))
        await asyncio.sleep(rng.expovariate(load * WORKERS / MEAN_S))
    await asyncio.gather(*under_way)
    return seen


def measure(make: Callable[[], Workers], load: float) -> dict[str, float]:
    """Median and 99th percentile, in mean service times."""
    loop = VirtualLoop()
    try:
        seen = sorted(loop.run_until_complete(latencies(make, load)))
    finally:
        loop.close()
    return {"p50": seen[len(seen) // 2] / MEAN_S, "p99": seen[len(seen) * 99 // 100] / MEAN_S}


def cost_us(make: Callable[[], Workers], rounds: int = 7, pieces: int = 4_000) -> float:
    """CPU microseconds that a pool spends on a piece of work which does nothing."""

    async def nothing() -> None:
        pass

    async def once() -> float:
        workers = make()
        started = time.process_time()
        for number in range(pieces):
            await workers.run(nothing, key=b"%d" % number)
        return (time.process_time() - started) / pieces * 1e6

    return statistics.median(asyncio.run(once()) for _ in range(rounds))


def plot(found: dict[str, dict[float, dict[str, float]]], path: Path) -> None:
    """The 99th percentile of every kind over the load."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "riskengine"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    for name, by_load in found.items():
        style = "-" if name == "shared" else "--" if "key" in name else ":"
        p99 = [row["p99"] for row in by_load.values()]
        axes.plot(list(by_load), p99, style, marker="o", markersize=3, label=name)
    axes.set(
        yscale="log",
        xlabel="load (share of what the workers can do)",
        ylabel="99th percentile of latency\n(mean service times)",
        title="8 workers, one piece of work in twenty 50 times as long",
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    """Measure, print, and draw where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {name: {load: measure(make, load) for load in LOADS} for name, make in kinds().items()}
    if options.plot:
        plot(found, options.plot)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    print(
        f"{'p99 in mean service times':24}"
        + "".join(f"{load:>9.0%}" for load in LOADS)
        + "  cpu us"
    )
    for name, by_load in found.items():
        row = "".join(f"{by_load[load]['p99']:9.1f}" for load in LOADS)
        print(f"{name:24}{row}{cost_us(kinds()[name]):8.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
