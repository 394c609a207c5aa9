"""Offers a service 2, 5 and 10 times what it can do, and twice as much without protection.

The backend is a process of its own with 10 places of 50 to 150 ms, so that its capacity (measured
first) is bounded by concurrency. Vital calls are 60 % of capacity throughout; what comes on top is
half important, half optional, and both have fallbacks. Arrivals are a Poisson process: nobody
waits for an answer before the next one asks. CPU time is that of this process, which both asks and
protects. Exits 1 where a protected run misses a target: goodput above 90 % of capacity, vital calls
above 99 %, p99 within the deadline, one level up and down at most.

    python -m benchmarks.downstream_overload [--json FILE] [--plot FILE]
"""

import argparse
import asyncio
import dataclasses
import json
import random
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from benchmarks.overload_plot import plot
from benchmarks.overload_record import Record, Sample, missed, summarize
from benchmarks.processes import server
from riskengine.clock import SystemClock, cpu_seconds
from riskengine.downstream.breaker import Breaker
from riskengine.downstream.bulkhead import Bulkhead
from riskengine.downstream.call import Fate
from riskengine.downstream.client import Client
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.concurrency import AimdLimit, AimdRules
from riskengine.downstream.degradation import Degradation
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import DownstreamError
from riskengine.downstream.fallbacks import empty, static
from riskengine.downstream.features import Feature, Priority
from riskengine.downstream.http1 import Http1Connection, Http1Connector
from riskengine.downstream.judge_http import judge_http
from riskengine.downstream.overload import Overload
from riskengine.downstream.pool_limits import PoolLimits
from riskengine.downstream.retry import Retries
from riskengine.downstream.retry_budget import RetryBudget
from riskengine.downstream.runner import Persistent
from riskengine.downstream.service_breaker import ServiceBreaker
from riskengine.downstream.shedding import Shedding
from riskengine.tasks import spawn

PLACES, SERVICE_S = 10, 0.1
DEADLINE_S = 1.0
TIMES = (2, 5, 10)
VITAL_SHARE = 0.6
BEFORE_S, DURING_S, AFTER_S = 4.0, 16.0, 18.0
UNPROTECTED_S = 6.0
"""Without protection all is said soon."""
CLOCK = SystemClock()
FEATURES = {
    Priority.VITAL: Feature("order", Priority.VITAL),
    Priority.IMPORTANT: Feature("search", Priority.IMPORTANT, static("popular goods")),
    Priority.OPTIONAL: Feature("reviews", Priority.OPTIONAL, empty()),
}


@contextmanager
def backend() -> Iterator[Endpoint]:
    """The service, in a process of its own."""
    with server("benchmarks.full_backend", str(PLACES), str(SERVICE_S)) as (address, _):
        yield Endpoint(address)


class Shop:
    """What stands before the service: everything, or (unprotected) pools and a deadline alone."""

    def __init__(self, *, protected: bool) -> None:
        self._protected = protected
        rng = random.Random(1)
        limit = AimdLimit(CLOCK, AimdRules(start=PLACES, slow_after_s=0.25))
        self.walls = Bulkhead(CLOCK, limit)
        self.shedding = Shedding(CLOCK)
        self.degradation = Degradation(CLOCK, list(FEATURES.values()))
        self.overload = Overload(CLOCK, self.shedding, self.degradation, bulkheads=[self.walls])
        runner = Persistent(Retries(CLOCK, rng, RetryBudget()))
        parts = ClientParts(
            limits=PoolLimits(connections_max=3_000, idle_max=200, waiting_max=100_000),
            judge=judge_http(CLOCK),
        )
        if protected:
            guarded = ServiceBreaker(CLOCK, Breaker(CLOCK, rng), runner)
            parts = dataclasses.replace(parts, runner=guarded)
        self.client = Client(Http1Connector(), parts, clock=CLOCK, rng=rng)

    async def ask(self, priority: Priority) -> str:
        """`service`, `fallback` or `failed`."""
        deadline = CLOCK.monotonic() + DEADLINE_S
        try:
            if not self._protected:
                await self._call(deadline)
                return "service"
            answer = await self.degradation.run(
                FEATURES[priority].name, None, lambda: self._inside(deadline, priority)
            )
        except (DownstreamError, OSError, TimeoutError):
            return "failed"
        return "fallback" if answer.degraded else "service"

    async def _inside(self, deadline: float, priority: Priority) -> object:
        async with self.walls.place(deadline, priority) as place:
            place.fate = Fate.FAILURE
            answer = await self._call(deadline)
            place.fate = Fate.SUCCESS
            return answer

    async def _call(self, deadline: float) -> int:
        left_s = deadline - CLOCK.monotonic()
        return await self.client.call(_get, timeout_s=left_s, idempotent=True)


async def _get(connection: Http1Connection) -> int:
    async with connection.request("GET", "/") as answer:
        await answer.read()
        return answer.status


async def measure_capacity(endpoint: Endpoint, seconds: float = 2.0) -> float:
    """Calls a second with every place taken all the time."""
    shop = Shop(protected=False)
    async with shop.client:
        await shop.client.update([endpoint])
        ends = CLOCK.monotonic() + seconds
        done = 0

        async def ask_on() -> None:
            nonlocal done
            while CLOCK.monotonic() < ends:
                answered = await shop.ask(Priority.VITAL) == "service"
                done += answered

        await asyncio.gather(*[ask_on() for _ in range(2 * PLACES)])
        return done / seconds


async def offer(shop: Shop, record: Record, rates: dict[Priority, float], seconds: float) -> None:
    """Calls at these rates for so long; returns when the last has been made."""
    rng = random.Random(round(sum(rates.values())))
    total = sum(rates.values())
    calls: set[asyncio.Task[None]] = set()
    begins = CLOCK.monotonic()
    at = begins + rng.expovariate(total)
    while at < begins + seconds:
        await asyncio.sleep(max(0.0, at - CLOCK.monotonic()))
        [priority] = rng.choices(list(rates), list(rates.values()))
        task = spawn(_ask(shop, record, priority), name="call")
        calls.add(task)
        task.add_done_callback(calls.discard)
        at += rng.expovariate(total)
    record.late_s = max(record.late_s, CLOCK.monotonic() - begins - seconds)
    record.pending.update(calls)


async def _ask(shop: Shop, record: Record, priority: Priority) -> None:
    began = CLOCK.monotonic()
    end = await shop.ask(priority)
    now = CLOCK.monotonic()
    record.samples.append(Sample(began - record.began, priority, end, now - began))


async def _watch(shop: Shop, record: Record) -> None:
    while True:
        level = shop.overload.look()
        record.levels.append((CLOCK.monotonic() - record.began, level))
        await asyncio.sleep(0.1)


async def run(endpoint: Endpoint, capacity: float, times: int, *, protected: bool) -> Record:
    """Half of capacity, then `times` as much, then half again."""
    shop = Shop(protected=protected)
    load_s = DURING_S if protected else UNPROTECTED_S
    record = Record(times, protected, capacity, CLOCK.monotonic(), BEFORE_S, load_s)
    vital, rest = VITAL_SHARE * capacity, (times - VITAL_SHARE) * capacity / 2
    peak = {Priority.VITAL: vital, Priority.IMPORTANT: rest, Priority.OPTIONAL: rest}
    quiet = dict.fromkeys(Priority, capacity / 6)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(shop.client)
        await shop.client.update([endpoint])
        watcher = spawn(_watch(shop, record), name="levels")
        stack.callback(watcher.cancel)
        await offer(shop, record, quiet, BEFORE_S)
        cpu_s = cpu_seconds()
        await offer(shop, record, peak, load_s)
        record.cpu = (cpu_seconds() - cpu_s) / load_s
        await offer(shop, record, quiet, AFTER_S if protected else DEADLINE_S)
        await asyncio.gather(*record.pending)
        record.changes = shop.shedding.changes
    return record


async def run_all(multiples: list[int]) -> list[Record]:
    """Twice the capacity without protection, then every multiple with it; each its own backend."""
    records = []
    for times, protected in [(2, False), *((times, True) for times in multiples)]:
        with backend() as endpoint:
            capacity = await measure_capacity(endpoint)
            record = await run(endpoint, capacity, times, protected=protected)
        records.append(record)
        print(json.dumps(summarize(record)), file=sys.stderr, flush=True)
    return records


def main() -> int:
    """Run, print a table, write what was asked for, and say by the exit code what was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, nargs="+", default=TIMES, help="2 5 10 by default")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--plot", type=Path, help="write the plot to this file")
    arguments = parser.parse_args()
    records = asyncio.run(run_all(list(arguments.times)))
    figures = [summarize(record) for record in records]
    print(json.dumps(figures, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))
    if arguments.plot:
        plot(records, arguments.plot)
    broken = [promise for row in figures for promise in missed(row)]
    for promise in broken:
        print(f"missed: {promise}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
