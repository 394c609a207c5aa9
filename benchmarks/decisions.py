"""Decisions per server CPU second over gRPC, as a ratio to a bare grpc.aio echo.

Both servers run at once and are asked in turn, so that a noisy machine disturbs both alike. The
engine runs as users run it: `riskengine serve`, default rules and model, embedded store, decision
log on; only its worker's CPU is counted, the store's is printed beside it.

    python -m benchmarks.decisions [--rounds N] [--seconds S] [--json]
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import Load, batched, endless_requests, streamed, unary, verdicts
from benchmarks.processes import children, cpu_seconds, echo_server

SAMPLE = Path("data/samples/known-good.jsonl")
CROWDS = 256
IN_FLIGHT = 32
BATCH = 64
FLOORS = {"unary": 0.6, "streamed": 4.0}


@dataclass(frozen=True, slots=True)
class Server:
    """A server under test: where it listens, and whose CPU counts."""

    name: str
    target: str
    pid: int
    store_pid: int | None = None


@dataclass(slots=True)
class Series:
    """Rounds of one kind of load on one server."""

    per_cpu_second: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    store_us: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


@contextmanager
def engine_server(log_dir: str) -> Iterator[Server]:
    """The real service with one worker."""
    command = [sys.executable, "-m", "riskengine.cli.main", "serve", "--listen", "127.0.0.1:0"]
    command += ["--workers", "1", "--store", "embedded", "--log-dir", log_dir]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        target = _target(process.stdout.readline())
        parts = children(process.pid)
        worker, *_ = [pid for pid, command in parts.items() if "worker_main" in command]
        [store] = [pid for pid, command in parts.items() if "valkey" in command]
        yield Server("engine", target, worker, store)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _target(ready_line: str) -> str:
    words = [word.strip(",.") for word in ready_line.split()]
    return next(word for word in words if word.startswith("127.0.0.1:"))


async def measure(
    server: Server, load: Callable[[Server], Awaitable[Load]], into: Series, *, batches: bool
) -> None:
    """One round of load; its figures are added to the series."""
    cpu = cpu_seconds(server.pid)
    store_cpu = cpu_seconds(server.store_pid) if server.store_pid else 0.0
    result = await load(server)
    used = cpu_seconds(server.pid) - cpu
    into.per_cpu_second.append(result.decisions / used)
    into.per_second.append(result.decisions / result.seconds)
    into.latencies_ms += result.latencies_ms
    if server.store_pid:
        store_used = cpu_seconds(server.store_pid) - store_cpu
        into.store_us.append(store_used / result.decisions * 1e6)
        into.seen += verdicts(result.answers, batches=batches)


async def run(rounds: int, seconds: float) -> dict[str, dict[str, Series]]:
    """Every kind of load on both servers, in turn."""
    # Each server goes on where it was: its clients live on from round to round.
    singles = {name: endless_requests(CROWDS, SAMPLE) for name in ("echo", "engine")}
    groups = {name: batched(source, BATCH) for name, source in singles.items()}

    async def one_by_one(server: Server) -> Load:
        source = singles[server.name]
        return await unary(server.target, source, seconds=seconds, in_flight=IN_FLIGHT)

    async def in_batches(server: Server) -> Load:
        source = groups[server.name]
        return await streamed(
            server.target, source, seconds=seconds, streams=IN_FLIGHT, batch_size=BATCH
        )

    figures = {kind: {"echo": Series(), "engine": Series()} for kind in ("unary", "streamed")}
    with (
        tempfile.TemporaryDirectory() as log_dir,
        echo_server() as (target, pid),
        engine_server(log_dir) as engine,
    ):
        servers = {"echo": Server("echo", target, pid), "engine": engine}
        for server in servers.values():  # a first round warms both up and is not counted
            await measure(server, one_by_one, Series(), batches=False)
        for _ in range(rounds):
            for name, server in servers.items():
                await measure(server, one_by_one, figures["unary"][name], batches=False)
            for name, server in servers.items():
                await measure(server, in_batches, figures["streamed"][name], batches=True)
    return figures


def summary(figures: dict[str, dict[str, Series]]) -> dict[str, object]:
    """Medians, and the ratios to the unary echo of the same round."""
    echo = figures["unary"]["echo"].per_cpu_second
    report: dict[str, object] = {}
    for kind, servers in figures.items():
        for name, series in servers.items():
            ratios = [own / bare for own, bare in zip(series.per_cpu_second, echo, strict=True)]
            cuts = statistics.quantiles(series.latencies_ms, n=100)
            report[f"{kind} {name}"] = {
                "decisions_per_cpu_second": round(statistics.median(series.per_cpu_second)),
                "decisions_per_second": round(statistics.median(series.per_second)),
                "ratio_to_unary_echo": round(statistics.median(ratios), 2),
                "call_p50_ms": round(cuts[49], 2),
                "call_p99_ms": round(cuts[98], 2),
                "store_cpu_us_per_decision": round(statistics.median(series.store_us), 1)
                if series.store_us
                else None,
                "answers": dict(series.seen),
            }
    return report


def main() -> None:
    """Print the figures; exit 1 when a ratio is below its floor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report = summary(asyncio.run(run(arguments.rounds, arguments.seconds)))
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        _print_table(report)
    sys.exit(any(_ratio(report, kind) < floor for kind, floor in FLOORS.items()))


def _ratio(report: dict[str, object], kind: str) -> float:
    row = report[f"{kind} engine"]
    assert isinstance(row, dict)
    return float(row["ratio_to_unary_echo"])


def _print_table(report: dict[str, object]) -> None:
    print(f"{'':18}{'per CPU s':>11}{'per s':>10}{'p50 ms':>8}{'p99 ms':>8}{'to echo':>9}")
    for name, row in report.items():
        assert isinstance(row, dict)
        print(
            f"{name:18}{row['decisions_per_cpu_second']:>11,}{row['decisions_per_second']:>10,}"
            f"{row['call_p50_ms']:>8}{row['call_p99_ms']:>8}{row['ratio_to_unary_echo']:>8}x"
        )
    for kind, floor in FLOORS.items():
        row = report[f"{kind} engine"]
        assert isinstance(row, dict)
        print(
            f"{kind}: {row['ratio_to_unary_echo']}x of the bare echo (floor {floor}x); the store "
            f"used {row['store_cpu_us_per_decision']} us a decision; answers {row['answers']}"
        )


if __name__ == "__main__":
    main()
