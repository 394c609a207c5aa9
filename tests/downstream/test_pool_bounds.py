"""Bounds of a pool hold whatever happens."""

import asyncio
import random
from collections.abc import Awaitable

from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.downstream.pool import ConnectionPool
from tests.downstream.fleet import Fleet, Wire, run_virtually
from tests.downstream.pools import SOON, pool_of, use


async def cancelled_after(call: Awaitable[int], seconds: float) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def test_ten_thousand_cancelled_calls_leak_no_connection() -> None:
    """Cancelled while waiting, while connecting, at the moment of the hand-over, and in a call."""

    async def work() -> None:
        fleet = Fleet()
        rng = random.Random(7)
        async with pool_of(fleet, connections_min=2, connections_max=10, idle_max=10) as pool:
            for _ in range(100):
                # Times on a grid, so that ends of calls and cancellations fall together.
                times = [rng.randrange(0, 12) / 100 for _ in range(100)]
                await asyncio.gather(*(cancelled_after(use(pool, 0.05), s) for s in times))
            assert pool.waiting == 0
            assert fleet.most <= 10
            assert pool.idle == pool.open == len(fleet.live) <= 10
            assert await asyncio.gather(*(use(pool) for _ in range(10)))

    run_virtually(work)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["call", "cancelled", "broken", "pause", "kill one"]),
        st.integers(0, 40).map(lambda hundredths: hundredths / 100),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(events=EVENTS, lowest=st.integers(0, 3), more=st.integers(0, 4), shared=st.integers(1, 3))
def test_bounds_hold_whatever_happens(
    events: list[tuple[str, float]], lowest: int, more: int, shared: int
) -> None:
    async def work() -> None:
        fleet = Fleet()
        fleet.calls_max = shared
        most = max(1, lowest + more)
        calls: list[asyncio.Future[object]] = []
        async with pool_of(
            fleet,
            connections_min=lowest,
            connections_max=most,
            idle_max=max(lowest, 2),
            calls_per_connection=shared,
            age_max_s=1,
            idle_s=0.5,
            upkeep_s=0.1,
        ) as pool:
            for event, seconds in events:
                calls += begin(event, seconds, pool, fleet)
                await asyncio.sleep(seconds if event == "pause" else 0)
            await asyncio.gather(*calls)
            assert fleet.most <= most
            await asyncio.sleep(2)
            assert all(not wire.calls for wire in fleet.live)
            assert pool.waiting == 0
            if most > lowest:
                assert pool.open >= lowest

    run_virtually(work)


def begin(
    event: str, seconds: float, pool: ConnectionPool[Wire], fleet: Fleet
) -> list[asyncio.Future[object]]:
    """Start what an event of the property stands for."""
    if event == "call":
        return [asyncio.ensure_future(use(pool, seconds))]
    if event == "cancelled":
        return [asyncio.ensure_future(cancelled_after(use(pool, 0.2), seconds))]
    if event == "broken":
        return [asyncio.ensure_future(break_it(pool, seconds))]
    if event == "kill one" and fleet.live:
        min(fleet.live, key=lambda wire: wire.number).alive = False
    return []


async def break_it(pool: ConnectionPool[Wire], seconds: float) -> None:
    async with await pool.acquire(SOON) as wire:
        await wire.call(seconds)
        wire.alive = False


@settings(max_examples=50, deadline=None)
@given(
    lowest=st.integers(1, 4),
    more=st.integers(1, 4),
    calls=st.lists(st.tuples(st.floats(0, 3), st.floats(0.01, 0.5)), max_size=40),
)
def test_minimum_holds_at_every_moment_while_the_endpoint_is_well(
    lowest: int, more: int, calls: list[tuple[float, float]]
) -> None:
    async def work() -> None:
        async with pool_of(
            Fleet(),
            connections_min=lowest,
            connections_max=lowest + more,
            idle_max=lowest,
            age_max_s=0.7,
            idle_s=0.4,
            upkeep_s=0.1,
        ) as pool:

            async def caller(at: float, seconds: float) -> None:
                await asyncio.sleep(at)
                assert pool.open >= lowest
                await use(pool, seconds)
                assert pool.open >= lowest

            await asyncio.gather(*(caller(at, seconds) for at, seconds in calls))

    run_virtually(work)
