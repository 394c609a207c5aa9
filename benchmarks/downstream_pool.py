"""CPU time a call costs through a pool, as a ratio to the same call on a connection at hand.

`bare` uses connections directly, one for each call in flight, and no pool at all. All ways are
asked in turn, round by round, so that a noisy machine disturbs all alike; ratios are of one round,
and their median is what counts.

    python -m benchmarks.downstream_pool [--rounds N] [--calls N] [--json]
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import aiohttp
import httpx

from benchmarks.processes import server
from riskengine.clock import SystemClock
from riskengine.downstream.client import Client
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.http1 import Http1Connection, Http1Connector
from riskengine.downstream.judge_http import judge_http
from riskengine.downstream.pool import ConnectionPool
from riskengine.downstream.pool_limits import PoolLimits

IN_FLIGHT = (1, 50)
CEILINGS = {1: 1.20, 50: 1.15}
"""What the pool may cost, as a ratio to bare."""
BODY = b"hello"

One = Callable[[int], Awaitable[None]]
"""One call by the caller of that number."""


@contextmanager
def backend() -> Iterator[Endpoint]:
    """A server in a process of its own."""
    with server("benchmarks.http_backend") as (address, _):
        yield Endpoint(address)


async def ask(connection: Http1Connection) -> None:
    """The call that all ways make."""
    async with connection.request("GET", "/") as answer:
        assert await answer.read() == BODY


async def ways(endpoint: Endpoint, callers: int, stack: AsyncExitStack) -> dict[str, One]:
    """Everything that is compared, ready to be used by so many callers at a time."""
    connector, clock, rng = Http1Connector(), SystemClock(), random.Random(1)
    limits = PoolLimits(connections_min=callers, connections_max=callers, idle_max=callers)
    url = f"http://{endpoint.address}/"

    connections = [await connector.connect(endpoint) for _ in range(callers)]
    pool = ConnectionPool(endpoint, connector, limits, clock=clock, rng=rng)
    await pool.start()
    parts = ClientParts(limits=limits, judge=judge_http(clock))
    client = await stack.enter_async_context(Client(connector, parts, clock=clock, rng=rng))
    await client.update([endpoint])
    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=callers))
    )
    bounds = httpx.Limits(max_connections=callers, max_keepalive_connections=callers)
    other = await stack.enter_async_context(httpx.AsyncClient(limits=bounds))
    stack.push_async_callback(pool.close)
    for connection in connections:
        stack.push_async_callback(connection.close)

    async def pooled(_: int) -> None:
        async with await pool.acquire(clock.monotonic() + 5) as connection:
            await ask(connection)

    async def by_aiohttp(_: int) -> None:
        async with session.get(url) as answer:
            assert await answer.read() == BODY

    async def by_httpx(_: int) -> None:
        assert (await other.get(url)).content == BODY

    return {
        "bare": lambda caller: ask(connections[caller]),
        "pool": pooled,
        "client": lambda _: client.call(ask, timeout_s=5),
        "aiohttp": by_aiohttp,
        "httpx": by_httpx,
    }


async def cpu_us(one: One, callers: int, calls: int) -> float:
    """CPU microseconds of this process for each of so many calls."""

    async def caller(number: int) -> None:
        for _ in range(calls // callers):
            await one(number)

    started = time.process_time()
    await asyncio.gather(*(caller(number) for number in range(callers)))
    return (time.process_time() - started) / calls * 1e6


async def compare(
    endpoint: Endpoint, callers: int, rounds: int, calls: int
) -> dict[str, dict[str, float]]:
    """Way -> its median CPU time a call, and its median ratio to bare."""
    async with AsyncExitStack() as stack:
        compared = await ways(endpoint, callers, stack)
        seen: dict[str, list[float]] = {name: [] for name in compared}
        for number in range(rounds + 1):
            for name, one in compared.items():
                spent_us = await cpu_us(one, callers, calls)
                if number:  # the first round warms up
                    seen[name].append(spent_us)
    return {
        name: {
            "cpu_us": statistics.median(spent),
            "ratio": statistics.median(a / b for a, b in zip(spent, seen["bare"], strict=True)),
        }
        for name, spent in seen.items()
    }


def verdict(found: dict[int, dict[str, dict[str, float]]]) -> bool:
    """Whether the pool is within its ceilings, and the whole client ahead of httpx."""
    return all(
        table["pool"]["ratio"] <= CEILINGS[callers]
        and table["client"]["ratio"] < table["httpx"]["ratio"]
        for callers, table in found.items()
    )


async def main() -> int:
    """Measure, print, and say by the exit code whether the promises hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with backend() as endpoint:
        found = {
            callers: await compare(endpoint, callers, options.rounds, options.calls)
            for callers in IN_FLIGHT
        }
    if options.json:
        print(json.dumps(found, indent=2))
        return 0 if verdict(found) else 1
    for callers, table in found.items():
        print(f"\n{callers} in flight        CPU us a call    ratio to bare")
        for name, row in table.items():
            print(f"  {name:12} {row['cpu_us']:17.1f} {row['ratio']:16.2f}")
    print("\nwithin its ceilings" if verdict(found) else "\nabove its ceilings")
    return 0 if verdict(found) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
