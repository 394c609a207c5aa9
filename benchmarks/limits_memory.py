"""What a million keys of each algorithm take in a real server, and whether the memory comes back.

Every key is written by the script that serves, thousands in a call. Then the keys live out their
time: twice their window, up to an eighth of that more, and a second; a calendar's to the end of its
period. About two minutes for each algorithm.

    python -m benchmarks.limits_memory [--keys N] [--algorithm NAME ...] [--server valkey|redis]
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from riskengine.clock import SystemClock
from riskengine.errors import StoreError
from riskengine.store.counters import Algorithm, Hit
from riskengine.store.embedded import EmbeddedServer
from riskengine.store.redis import RedisCounters

BATCH = 4_000
WINDOW_US = 30_000_000
"""Long enough for all keys to stand at the same time, short enough to see every one expire."""
LIVES_S = 2 * WINDOW_US / 1_000_000 * 1.125 + 1
HITS = {Algorithm.EXACT: 2, Algorithm.CONCURRENCY: 3}
"""Hits of each key where each one is kept."""
BOUNDS = {
    Algorithm.STRICT: 220,
    Algorithm.EXACT: 220,
    Algorithm.APPROX: 190,
    Algorithm.PACE: 180,
    Algorithm.CALENDAR: 190,
    Algorithm.CONCURRENCY: 220,
}
"""Most bytes of the server for a key, its name of some 60 bytes included: docs/limits-store.md."""
RESIDUE_MAX = 0.02
"""Share of the memory that may still be used when every key has expired."""
CLOCK = SystemClock()
BUDGET_S = 60.0


def keys_of(algorithm: Algorithm, numbers: range, ends_us: int) -> list[list[Hit]]:
    """A request of each of these clients."""
    suffix = "" if algorithm is Algorithm.STRICT else f":{algorithm.word}"
    if algorithm is Algorithm.CALENDAR:
        suffix += f":{ends_us - WINDOW_US}"
    requests = []
    for number in numbers:
        address = ".".join(str(byte) for byte in number.to_bytes(4))
        hit = Hit(
            f"default:rl1:{{ip:{address}}}:pages-per-address:{WINDOW_US}{suffix}",
            300,
            WINDOW_US,
            algorithm=algorithm,
            burst=30,
            ends_us=ends_us,
        )
        requests.append([hit])
        if algorithm is Algorithm.CONCURRENCY:
            requests[-1] = [
                hit._replace(token=n.to_bytes(8)) for n in range(HITS[Algorithm.CONCURRENCY])
            ]
    return requests


async def soak(url: str, algorithm: Algorithm, keys: int) -> dict[str, Any]:
    """Write the keys, weigh them, and wait until they are gone."""
    client: Redis = Redis.from_url(url, protocol=2)
    counters = RedisCounters(url, timeout_s=BUDGET_S)
    try:
        await counters.hit([], budget_s=BUDGET_S)  # the script is there before anything is weighed
        empty = await used_bytes(client)
        wrote_s = await _write(counters, algorithm, keys)
        born, full = int(await client.dbsize()), await used_bytes(client)
        gone_s = await _gone(client)
        left = await used_bytes(client)
    finally:
        await counters.close()
        await client.aclose()
    return {
        "algorithm": algorithm.word,
        "keys": born,
        "hits_per_key": HITS.get(algorithm, 1),
        "bytes_per_key": round((full - empty) / max(1, born), 1),
        "bound": BOUNDS[algorithm],
        "write_s": round(wrote_s, 1),
        "all_gone_after_s": None if gone_s is None else round(gone_s, 1),
        "left_share": round((left - empty) / (full - empty), 4),
    }


async def _write(counters: RedisCounters, algorithm: Algorithm, keys: int) -> float:
    started = CLOCK.monotonic()
    ends_us = round((CLOCK.now() + 2 * LIVES_S) * 1_000_000)
    for _ in range(HITS[algorithm] if algorithm is Algorithm.EXACT else 1):
        for first in range(0, keys, BATCH):
            numbers = range(first, min(first + BATCH, keys))
            await counters.hit(keys_of(algorithm, numbers, ends_us), budget_s=BUDGET_S)
    return CLOCK.monotonic() - started


async def _gone(client: Redis) -> float | None:
    """Seconds until no key is left; None where some outlive their time."""
    started = CLOCK.monotonic()
    while await client.dbsize():
        if CLOCK.monotonic() - started > 2.5 * LIVES_S:
            return None
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)  # tables shrink in the server's own time
    return CLOCK.monotonic() - started


async def used_bytes(client: Redis) -> int:
    """Memory that the server uses, its own included."""
    return int((await client.info("memory"))["used_memory"])


@asynccontextmanager
async def server(kind: str) -> AsyncIterator[str]:
    """The URL of a server of our own that never makes room: Valkey, or the system's Redis."""
    if kind == "valkey":
        embedded = EmbeddedServer(CLOCK, memory_mb=8_192)
        await embedded.start()
        try:
            yield embedded.url
        finally:
            await embedded.stop()
        return
    binary = shutil.which("redis-server")
    if binary is None:
        raise StoreError("redis-server is not installed; `make deps` installs it")
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory) / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", directory]
        process = await asyncio.create_subprocess_exec(
            binary, *options, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            while not socket.exists():  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.05)
            yield f"unix://{socket}"
        finally:
            process.terminate()
            await process.wait()


async def run(kind: str, algorithms: Sequence[Algorithm], keys: int) -> list[dict[str, Any]]:
    """One algorithm after the other, at one server."""
    rows = []
    async with server(kind) as url:
        for algorithm in algorithms:
            row = {"server": kind, **await soak(url, algorithm, keys)}
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    return rows


def is_bounded(row: dict[str, Any]) -> bool:
    """Whether keys took no more than promised, and nothing stayed."""
    return (
        row["bytes_per_key"] <= row["bound"]
        and row["all_gone_after_s"] is not None
        and row["left_share"] <= RESIDUE_MAX
    )


def main() -> None:
    """Print a row for each algorithm as it is done; exit 1 where one is above its bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--algorithm", nargs="+", choices=[one.word for one in Algorithm])
    parser.add_argument("--server", choices=["valkey", "redis"], default="valkey")
    arguments = parser.parse_args()
    words = arguments.algorithm or [one.word for one in Algorithm]
    algorithms = [Algorithm[word.upper()] for word in words]
    rows = asyncio.run(run(arguments.server, algorithms, arguments.keys))
    print(json.dumps(rows, indent=2))
    sys.exit(not all(map(is_bounded, rows)))


if __name__ == "__main__":
    main()
