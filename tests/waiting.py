"""Waiting for what another process does, without guessing how long it takes."""

import asyncio
from collections.abc import Callable

from riskengine.clock import SystemClock

_STEP_S = 0.005


async def until(happened: Callable[[], bool], *, within_s: float = 5.0) -> float:
    """Seconds it took until `happened()`; TimeoutError where it takes too long."""
    clock = SystemClock()
    started = clock.monotonic()
    async with asyncio.timeout(within_s):
        while not happened():  # noqa: ASYNC110 - other processes set no events
            await asyncio.sleep(_STEP_S)
    return clock.monotonic() - started
