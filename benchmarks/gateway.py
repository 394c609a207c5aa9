"""Throughput per CPU second and added latency of the gateway, as ratios to nginx in the same run.

All stand before the same backend. Rounds alternate between them, so that a noisy machine disturbs
all alike. CPU is what the kernel charges to the proxy's processes; added latency is the median of
calls one after the other, less that of calls to the backend itself.

    python -m benchmarks.gateway [--rounds N] [--calls N] [--callers N] [--json]
"""

import argparse
import asyncio
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.downstream_pool import backend
from benchmarks.nginx import nginx
from benchmarks.processes import cpu_seconds

RULES = {"gateway, no rules": None, "gateway, default rules": Path("rules").resolve()}
_HTTP = """
    access_log {folder}/access.log;
    upstream shop {{ server {backend}; keepalive 64; }}
"""
_SERVER = """
    location / {
        proxy_pass http://shop;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }
"""
_HEAD = (
    "GET / HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: {}\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml\r\nAccept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate\r\n\r\n"
)


class Proxy(NamedTuple):
    """What is measured."""

    port: int
    pids: tuple[int, ...]
    """Processes whose CPU time counts."""


@contextmanager
def before(address: str, folder: Path) -> Iterator[Proxy]:
    """nginx with one worker before the backend, with an access log as the gateway has one."""
    with nginx(folder, _SERVER, http=_HTTP.format(folder=folder, backend=address)) as running:
        yield Proxy(running.port, (running.master, *running.workers))


@contextmanager
def gateway(address: str, folder: Path, rules: Path | None) -> Iterator[Proxy]:
    """The gateway, deciding in its own process."""
    folder.mkdir()
    empty = folder / "rules"
    empty.mkdir()
    config = {
        "listen": "127.0.0.1:0",
        "access_log": "access.log",
        "clients": {"trusted_proxies": ["127.0.0.0/8"]},
        "engine": {
            "rules": str(rules or empty),
            "models": str(Path("models").resolve()),
            "store": "memory",
        },
        "services": [{"id": "shop", "endpoints": [{"address": address}]}],
    }
    path = folder / "gateway.yaml"
    path.write_text(json.dumps(config))
    command = (sys.executable, "-m", "riskengine.cli.main", "gateway", "--config", str(path))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        yield Proxy(port, (process.pid,))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def addresses() -> Iterator[str]:
    """New clients, one after the other: nobody comes often enough to be limited."""
    for number in itertools.count():
        yield f"81.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


async def ask(port: int, calls: int, clients: Iterator[str]) -> list[float]:
    """Seconds each of so many calls took, one after the other; each for a client of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for client in itertools.islice(clients, calls):
        started = time.perf_counter()
        writer.write(_HEAD.format(client).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(5)
        took.append(time.perf_counter() - started)
    writer.close()
    return took


async def measure(
    proxy: Proxy, calls: int, callers: int, clients: Iterator[str]
) -> tuple[float, float]:
    """Median seconds of a call alone, and calls per CPU second with so many callers."""
    alone = statistics.median(await ask(proxy.port, calls // 4, clients))
    before = sum(map(cpu_seconds, proxy.pids))
    share = calls // callers
    await asyncio.gather(*(ask(proxy.port, share, clients) for _ in range(callers)))
    spent = sum(map(cpu_seconds, proxy.pids)) - before
    return alone, share * callers / max(spent, 1 / os.sysconf("SC_CLK_TCK"))


def compare(rounds: int, calls: int, callers: int) -> dict[str, dict[str, float]]:
    """Name -> added latency in microseconds, calls per CPU second, and both as ratios to nginx."""
    with ExitStack() as stack:
        endpoint = stack.enter_context(backend())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        proxies = {"nginx": stack.enter_context(before(endpoint.address, folder))}
        for number, (name, rules) in enumerate(RULES.items()):
            place = folder / str(number)
            proxies[name] = stack.enter_context(gateway(endpoint.address, place, rules))
        clients = addresses()
        seen: dict[str, list[tuple[float, float]]] = {name: [] for name in proxies}
        for number in range(rounds + 1):
            bare = statistics.median(asyncio.run(ask(endpoint.port, calls // 4, clients)))
            for name, proxy in proxies.items():
                alone, rate = asyncio.run(measure(proxy, calls, callers, clients))
                if number:  # the first round warms up
                    seen[name].append((alone - bare, rate))
    return {name: _row(rows, seen["nginx"]) for name, rows in seen.items()}


def _row(rows: list[tuple[float, float]], by_nginx: list[tuple[float, float]]) -> dict[str, float]:
    pairs = list(zip(rows, by_nginx, strict=True))
    return {
        "added_us": statistics.median(added for added, _ in rows) * 1e6,
        "added_ratio": statistics.median(own[0] / other[0] for own, other in pairs),
        "calls_per_cpu_s": statistics.median(rate for _, rate in rows),
        "rate_ratio": statistics.median(own[1] / other[1] for own, other in pairs),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = compare(options.rounds, options.calls, options.callers)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'':24}{'added us':>10}{'to nginx':>10}{'calls/CPU s':>14}{'to nginx':>10}")
    for name, row in found.items():
        print(
            f"{name:24}{row['added_us']:10.0f}{row['added_ratio']:10.2f}"
            f"{row['calls_per_cpu_s']:14.0f}{row['rate_ratio']:10.3f}"
        )


if __name__ == "__main__":
    main()
