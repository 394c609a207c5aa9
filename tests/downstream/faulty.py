"""A real HTTP server that breaks as it is told, and a client with all that protects from it."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from riskengine.clock import ManualClock, SystemClock
from riskengine.downstream.breaker import Breaker
from riskengine.downstream.call import Attempt, Call
from riskengine.downstream.client import Client
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.concurrency import FixedLimit
from riskengine.downstream.concurrency_guard import ConcurrencyGuard
from riskengine.downstream.ejection import Ejection
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.hedging import Hedging
from riskengine.downstream.http1 import Http1Connection, Http1Connector
from riskengine.downstream.judge_http import judge_http
from riskengine.downstream.pool_limits import PoolLimits
from riskengine.downstream.retry import Retries
from riskengine.downstream.retry_budget import RetryBudget
from riskengine.downstream.runner import Persistent
from riskengine.downstream.service_breaker import ServiceBreaker

SYSTEM = SystemClock()


class Faulty:
    """Answers 200, but for `bad_in_1000` evenly spaced calls that `fault` spoils."""

    def __init__(self) -> None:
        self.bad_in_1000 = 0
        self.calls = 0
        self.inside = 0
        self.fault = fails_with(500)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        number, self.calls = self.calls, self.calls + 1
        self.inside += 1
        try:
            if (number + 1) * self.bad_in_1000 // 1000 > number * self.bad_in_1000 // 1000:
                return await self.fault(request)
            return web.Response(text="well")
        finally:
            self.inside -= 1


Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


def fails_with(status: int, **headers: str) -> Fault:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return answer


def waits_for(gate: asyncio.Event) -> Fault:
    """Silence until the gate opens: what a half-open connection looks like."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.Response(text="late")

    return answer


def takes(seconds: float) -> Fault:
    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.Response(text="slow")

    return answer


async def resets_mid_body(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b"the first half")
    assert request.transport is not None
    request.transport.abort()
    return answer


@asynccontextmanager
async def serving(faulty: Faulty) -> AsyncIterator[Endpoint]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", faulty.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Endpoint(f"127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


class Answer:
    """A status and headers, after the body has been read."""

    def __init__(self, status: int, headers: object) -> None:
        self.status = status
        self.headers = headers


class Protected:
    """A client with breaker, ejection, retries and hedging; their clock moves 10 ms a call."""

    def __init__(self, endpoints: Sequence[Endpoint], *, reserve: float, hedged: bool) -> None:
        self.clock = ManualClock()
        self.breaker = Breaker(self.clock, random.Random(1))
        self.ejection = Ejection(self.clock, lambda: len(endpoints))
        self.places = ConcurrencyGuard(lambda: FixedLimit(20_000))
        self.budget = RetryBudget(reserve=reserve)
        self.retries = Retries(SYSTEM, random.Random(2), self.budget)
        self.hedging = Hedging(SYSTEM, self.budget) if hedged else None
        self.seen: Counter[str] = Counter()
        self.client: Client[Http1Connection] = Client(
            Http1Connector(),
            ClientParts(
                limits=PoolLimits(connections_max=50, waiting_max=20_000),
                judge=judge_http(SYSTEM),
                slow_start_s=0.001,
                watches=[self.ejection],
                guards=[self.places],
                runner=ServiceBreaker(SYSTEM, self.breaker, Persistent(self.retries, self.hedging)),
            ),
            clock=SYSTEM,
            rng=random.Random(3),
        )

    async def get(self, *, timeout_s: float = 20.0, idempotent: bool = True) -> Attempt[Answer]:
        """One call, read to its end."""
        self.clock.advance(0.01)
        deadline = SYSTEM.monotonic() + timeout_s
        attempt = await self.client.run(Call(deadline, idempotent=idempotent), fetch)
        self.seen[_name(attempt)] += 1
        return attempt

    async def many(self, count: int, **options: float) -> None:
        """So many calls, one after the other."""
        for _ in range(count):
            await self.get(**options)  # type: ignore[arg-type]


async def fetch(connection: Http1Connection) -> Answer:
    async with connection.request("GET", "/") as answer:
        await answer.read()
        return Answer(answer.status, answer.headers)


def _name(attempt: Attempt[Answer]) -> str:
    if attempt.answer is not None:
        return str(attempt.answer.status)
    return type(attempt.error).__name__


@asynccontextmanager
async def protected(
    *endpoints: Endpoint, reserve: float = 0.0, hedged: bool = False
) -> AsyncIterator[Protected]:
    one = Protected(endpoints, reserve=reserve, hedged=hedged)
    async with one.client:
        await one.client.update(endpoints)
        yield one
