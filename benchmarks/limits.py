"""Requests per client CPU second at a real server, five limits a request, against plain clients.

Ours counts a whole batch in one script call. The plain clients send one EVALSHA for each limit of
each request, over the same server and with a script as small as can be (a fixed window), one after
the other or in one pipeline a batch: what a service does that calls Redis itself.

    python -m benchmarks.limits [--seconds S] [--rounds N] [--json]
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from benchmarks.processes import cpu_seconds
from riskengine.clock import SystemClock
from riskengine.store.counters import Hit
from riskengine.store.embedded import EmbeddedServer
from riskengine.store.open import open_counters

BATCHES = (1, 8, 64)
RULES = 5
CLIENTS = 4_096
MINUTE_US = 60_000_000
ROOM, FULL = 1_000_000_000, 1
FLOORS = {"sequential": 15.0, "pipelined": 4.0, "all over, to pipelined all over": 5.0}
REMEMBERED = "ours, all over"
PLAIN = """
local hits = redis.call('INCR', KEYS[1])
if hits == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return hits <= tonumber(ARGV[1]) and 1 or 0
"""

Batch = list[list[Hit]]
Ask = Callable[[Batch], Awaitable[object]]


@dataclass(slots=True)
class Series:
    """Rounds of one client with one size of batch."""

    per_cpu_second: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)


def batches(size: int, limit: int) -> Iterator[Batch]:
    """Batches of requests of thousands of clients, each with five limits, without end."""
    number = 0
    while True:
        requests = []
        for _ in range(size):
            number += 1
            subject = f"{{ip:198.18.{number % CLIENTS // 256}.{number % 256}}}"
            requests.append(
                [
                    Hit(f"bench:rl1:{subject}:rule-{rule}:{limit}", limit, MINUTE_US)
                    for rule in range(RULES)
                ]
            )
        yield requests


async def measure(
    ask: Ask, source: Iterator[Batch], size: int, server_pid: int, seconds: float, into: Series
) -> None:
    """One round; batches are made before the clock starts."""
    prepared = [next(source) for _ in range(max(4, CLIENTS // size))]
    done, turn = 0, 0
    server_cpu, cpu, until = (
        cpu_seconds(server_pid),
        time.process_time(),
        time.monotonic() + seconds,
    )
    while time.monotonic() < until:
        started = time.perf_counter()
        await ask(prepared[turn % len(prepared)])
        into.latencies_ms.append((time.perf_counter() - started) * 1_000)
        turn += 1
        done += size
    into.per_cpu_second.append(done / (time.process_time() - cpu))
    into.server_us.append((cpu_seconds(server_pid) - server_cpu) / done * 1e6)


async def refuse_all(ask: Ask, source: Iterator[Batch], size: int) -> None:
    """Each client once, before the clock starts: a refusal is looked up every ten seconds.

    The other clients' turns take longer than that, so that a round would begin by looking up all.
    """
    for _ in range(CLIENTS // size):
        await ask(next(source))


def plain_clients(client: "Redis", digest: str) -> dict[str, Ask]:
    """One EVALSHA a limit: one after the other, and in one pipeline a batch."""

    async def sequential(batch: Batch) -> None:
        for request in batch:
            for hit in request:
                await client.evalsha(digest, 1, hit.key + ":p", hit.limit, 60_000)

    async def pipelined(batch: Batch) -> None:
        pipeline = client.pipeline(transaction=False)
        for request in batch:
            for hit in request:
                pipeline.evalsha(digest, 1, hit.key + ":p", hit.limit, 60_000)
        await pipeline.execute()

    return {"sequential": sequential, "pipelined": pipelined}


async def run(rounds: int, seconds: float) -> dict[str, Any]:
    """All clients and sizes in turn, at one server."""
    server = EmbeddedServer(SystemClock(), memory_mb=2_048)
    await server.start()
    try:
        assert server.pid is not None
        figures = await _compare(server.url, server.pid, rounds, seconds)
    finally:
        await server.stop()
    return {"clients": summary(figures)}


async def _compare(
    url: str, pid: int, rounds: int, seconds: float
) -> dict[tuple[str, int], Series]:
    counters = open_counters(url, clock=SystemClock(), timeout_s=5)
    client = Redis.from_url(url, protocol=2)
    digest = await client.script_load(PLAIN)
    clients: dict[str, tuple[Ask, int]] = {
        "ours": (lambda batch: counters.hit(batch, budget_s=5), ROOM),
        REMEMBERED: (lambda batch: counters.hit(batch, budget_s=5), FULL),
    }
    for name, ask in plain_clients(client, digest).items():
        clients[name] = (ask, ROOM)
    clients["pipelined, all over"] = (clients["pipelined"][0], FULL)
    sources = {
        (name, size): batches(size, limit)
        for name, (_, limit) in clients.items()
        for size in BATCHES
    }
    figures: dict[tuple[str, int], Series] = {key: Series() for key in sources}
    for key, source in sources.items():  # a first round warms up, and fills what is to be full
        await measure(clients[key[0]][0], source, key[1], pid, seconds / 2, Series())
    for _ in range(rounds):
        for key, source in sources.items():
            if key[0] == REMEMBERED:
                await refuse_all(clients[key[0]][0], source, key[1])
            await measure(clients[key[0]][0], source, key[1], pid, seconds, figures[key])
    await counters.close()
    await client.aclose()
    return figures


def summary(figures: dict[tuple[str, int], Series]) -> list[dict[str, Any]]:
    """Medians of the rounds, and ratios of client CPU to ours at the same size of batch."""
    rows = []
    for (name, size), series in figures.items():
        ours = figures["ours", size].per_cpu_second
        ratio = [own / other for own, other in zip(series.per_cpu_second, ours, strict=True)]
        cuts = statistics.quantiles(series.latencies_ms, n=100)
        rows.append(
            {
                "client": name,
                "batch": size,
                "requests_per_cpu_second": round(statistics.median(series.per_cpu_second)),
                "to_ours": round(statistics.median(ratio), 3),
                "server_us_per_request": round(statistics.median(series.server_us), 1),
                "call_p50_ms": round(cuts[49], 3),
                "call_p99_ms": round(cuts[98], 3),
            }
        )
    return rows


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """How many times as many requests a CPU second of ours decides, at the largest batch.

    The last two hold ours with all clients over their limit against ours in normal times: by the
    client's CPU alone, and by that of client and server together.
    """
    largest = {row["client"]: row for row in rows if row["batch"] == BATCHES[-1]}
    speed = {name: row["requests_per_cpu_second"] for name, row in largest.items()}
    together_us = {
        name: 1e6 / row["requests_per_cpu_second"] + row["server_us_per_request"]
        for name, row in largest.items()
    }
    return {
        "sequential": speed["ours"] / speed["sequential"],
        "pipelined": speed["ours"] / speed["pipelined"],
        "all over, to pipelined all over": speed["ours, all over"] / speed["pipelined, all over"],
        "all over, to ours in normal times": speed["ours, all over"] / speed["ours"],
        "the same, server included": together_us["ours"] / together_us["ours, all over"],
    }


def main() -> None:
    """Print the figures; exit 1 where a ratio is below its floor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report = asyncio.run(run(arguments.rounds, arguments.seconds))
    found = ratios(report["clients"])
    if arguments.json:
        print(json.dumps({**report, "ratios": found}, indent=2))
    else:
        _print_table(report, found)
    sys.exit(any(found[name] < floor for name, floor in FLOORS.items()))


def _print_table(report: dict[str, Any], found: dict[str, float]) -> None:
    print(f"{'client':22}{'batch':>6}{'per CPU s':>11}{'to ours':>9}{'server us':>11}", end="")
    print(f"{'p50 ms':>9}{'p99 ms':>9}")
    for row in report["clients"]:
        print(
            f"{row['client']:22}{row['batch']:>6}{row['requests_per_cpu_second']:>11,}"
            f"{row['to_ours']:>9}{row['server_us_per_request']:>11}"
            f"{row['call_p50_ms']:>9}{row['call_p99_ms']:>9}"
        )
    for name, times in found.items():
        floor = f" (floor {FLOORS[name]:g}x)" if name in FLOORS else " (no floor)"
        print(f"{name}: {times:.1f}x{floor}")


if __name__ == "__main__":
    main()
