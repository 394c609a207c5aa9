"""A service that a cache stands before, and caches on a clock of the test."""

import asyncio
import random

from riskengine.clock import ManualClock
from riskengine.downstream.cache import ResponseCache
from riskengine.downstream.cache_entry import CacheRules


class Service:
    """Answers with the number of times it was asked, when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.has_it = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = 0

    async def load(self) -> bytes | None:
        self.asked += 1
        number = self.asked
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fails:
            raise ConnectionResetError("the service went away")
        return f"answer {number}".encode() if self.has_it else None


def made(clock: ManualClock, **options: object) -> ResponseCache:
    return ResponseCache(clock, random.Random(1), CacheRules(jitter=0.0), **options)  # type: ignore[arg-type]


async def settle() -> None:
    """Let what is under way in this loop go on as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)
