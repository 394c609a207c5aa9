"""Pools before a fleet, on a loop with virtual time."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from riskengine.downstream.pool import ConnectionPool
from riskengine.downstream.pool_limits import PoolLimits
from tests.downstream.fleet import SHOP, Fleet, Wire
from tests.virtual_loop import LoopClock

SOON = 1e6


@asynccontextmanager
async def pool_of(fleet: Fleet, **limits: float) -> AsyncIterator[ConnectionPool[Wire]]:
    bounds = PoolLimits(**limits)  # type: ignore[arg-type]  # whole numbers are given where due
    pool = ConnectionPool(SHOP, fleet, bounds, clock=LoopClock(), rng=random.Random(1))
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()
        assert not fleet.live, "connections left open after close"


async def use(pool: ConnectionPool[Wire], seconds: float = 0.1, deadline: float = SOON) -> int:
    async with await pool.acquire(deadline) as wire:
        await wire.call(seconds)
        return wire.number
