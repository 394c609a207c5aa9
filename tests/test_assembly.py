"""The engine of a serving process, put together from its settings."""

import asyncio
from pathlib import Path

from redis.asyncio import Redis

from riskengine.assembly import open_engine
from riskengine.clock import SystemClock
from riskengine.records.metrics import Metrics
from riskengine.request import make_request
from riskengine.settings import Settings


async def test_an_engine_on_a_shared_store_tells_it_which_keys_are_hot(
    tmp_path: Path, valkey_url: str
) -> None:
    (tmp_path / "limits.yaml").write_text(
        "limits: [{id: seen, description: x, key: [ip], limit: 9, window: 1h}]\n"
    )
    settings = Settings(rules=tmp_path, store=valkey_url, store_timeout_ms=1_000)
    engine = open_engine(settings, clock=SystemClock(), metrics=Metrics())
    redis = Redis.from_url(valkey_url)
    request = make_request(client_ip="198.51.100.77", method="GET", path="/")
    await engine.evaluate([request], budget_s=1.0)
    async with asyncio.timeout(30):
        while not await _is_told(redis, b"{ip:198.51.100.77}:seen"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    await redis.aclose()
    await engine.close()


async def _is_told(redis: Redis, key: bytes) -> bool:
    names = [name async for name in redis.scan_iter("riskengine:top1:*")]
    told = [value for name in names for value in await redis.hvals(name)]
    return any(key in value for value in told)
