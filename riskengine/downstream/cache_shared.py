"""Entries in Redis or Valkey that all instances share, and word of what is no longer true."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from riskengine.downstream.cache_entry import Entry, decode_entry, encode_entry

_AGAIN_S = 1.0


class SharedEntries(Protocol):
    """Where instances share entries. Nothing here raises: a store that is away holds nothing."""

    async def get(self, key: str) -> Entry | None:
        """The entry, if it is there and the store answers in time."""
        ...

    async def put(self, key: str, entry: Entry, *, ttl_s: float) -> None:
        """Hold the entry for `ttl_s`."""
        ...

    async def drop(self, key: str) -> None:
        """Forget one, and tell every instance."""
        ...


class NoSharedEntries:
    """For a process on its own."""

    async def get(self, key: str) -> Entry | None:
        """Nothing is held."""
        return None

    async def put(self, key: str, entry: Entry, *, ttl_s: float) -> None:
        """Nothing is held."""

    async def drop(self, key: str) -> None:
        """Nothing is held, and there is nobody to tell."""


class RedisEntries:
    """Each call has `timeout_s`, then the store counts as away."""

    def __init__(self, url: str, *, namespace: str = "shop", timeout_s: float = 0.05) -> None:
        """`url` is redis://, rediss:// or unix://; `namespace` is the first part of each key."""
        self._redis = Redis.from_url(url, retry=Retry(NoBackoff(), 0), protocol=2)
        self._prefix = f"{namespace}:cache:"
        self._channel = f"{namespace}:cache-dropped"
        self._timeout_s = timeout_s
        self.failures = 0
        """How often the store did not answer, since the start."""

    async def get(self, key: str) -> Entry | None:
        """See SharedEntries."""
        try:
            async with asyncio.timeout(self._timeout_s):
                data = await self._redis.get(self._prefix + key)
        except (RedisError, OSError, TimeoutError):
            self.failures += 1
            return None
        return decode_entry(data) if isinstance(data, bytes) else None

    async def put(self, key: str, entry: Entry, *, ttl_s: float) -> None:
        """See SharedEntries."""
        ttl_ms = max(1, int(ttl_s * 1000))
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._redis.set(self._prefix + key, encode_entry(entry), px=ttl_ms)
        except (RedisError, OSError, TimeoutError):
            self.failures += 1

    async def drop(self, key: str) -> None:
        """See SharedEntries: gone and announced in one step."""
        try:
            async with asyncio.timeout(self._timeout_s), self._redis.pipeline() as pipe:
                pipe.delete(self._prefix + key)
                pipe.publish(self._channel, key)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError):
            self.failures += 1

    async def listen(self, on_drop: Callable[[str], None], on_gap: Callable[[], None]) -> None:
        """Tell of every key that any instance drops, until cancelled.

        `on_gap` is called when listening begins, also again after the store was away: what was
        announced before is not known.
        """
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=False) as subscription:
                    await subscription.subscribe(self._channel)
                    async for message in subscription.listen():
                        if message["type"] == "subscribe":
                            on_gap()
                        elif message["type"] == "message":
                            on_drop(message["data"].decode())
            except (RedisError, OSError):
                self.failures += 1
            await asyncio.sleep(_AGAIN_S)

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
