"""Finds, reads and deletes counters in a running store, in short steps that block nobody."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol, Self

from redis.exceptions import RedisError

from riskengine.errors import SettingsError, StoreError
from riskengine.store.clients import open_client
from riskengine.store.redis_urls import CLUSTER
from riskengine.store.stored_limits import CounterKey, read_key

SCAN_STEP = 1_000
"""Keys that the server looks at in one command: well under a millisecond."""
_AT_ONCE = 200
_TIMEOUT_S = 2.0
_GLOB = re.compile(r"([\\*?\[\]^])")


class Stored(NamedTuple):
    """A counter as it stands in the store."""

    key: CounterKey
    value: bytes
    ttl_ms: int


class Wanted(Protocol):
    """What is looked for."""

    @property
    def text(self) -> str:
        """As it was asked for."""
        ...

    @property
    def contains(self) -> str:
        """What the subject of every key that fits contains."""
        ...

    def fits(self, key: CounterKey) -> bool:
        """Whether the key is wanted."""
        ...


class Found(NamedTuple):
    """What a search brought."""

    counters: list[Stored]
    complete: bool
    """False where the search ended because it had looked at as many keys as it may."""


class CounterSearch:
    """A connection for people, apart from those that decide requests; use it with `async with`."""

    def __init__(self, url: str) -> None:
        """`url` is that of a server or its sentinels; SettingsError where it is not."""
        if CLUSTER in url.partition("://")[0]:
            raise SettingsError(
                "--store names a cluster, which cannot be searched as a whole: name each of its "
                "servers in turn, redis://HOST:PORT"
            )
        try:
            self._redis = open_client(url, timeout_s=_TIMEOUT_S)
        except (TypeError, ValueError) as error:
            raise SettingsError(f"--store is not a usable URL: {error}") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def now_us(self) -> int:
        """The store's own time, which windows run on; StoreError where it does not answer."""
        try:
            seconds, microseconds = await self._redis.time()
        except (RedisError, OSError) as error:
            raise StoreError(f"the store does not answer: {error}") from None
        return int(seconds) * 1_000_000 + int(microseconds)

    async def find(self, wanted: Wanted, *, scan_max: int) -> Found:
        """The counters that are wanted, having looked at `scan_max` keys at most.

        A whole key is read at once; anything else is looked for by SCAN, step by step.
        """
        try:
            if (key := read_key(wanted.text)) is not None:
                return Found(await self._read([key]), True)
            keys: list[CounterKey] = []
            complete = True
            async for step in self._scan(f"*:rl1:{{*{_glob(wanted.contains)}*}}*"):
                keys += [key for key in step if wanted.fits(key)]
                scan_max -= SCAN_STEP
                if scan_max <= 0:
                    complete = False
                    break
            return Found(await self._read(keys), complete)
        except (RedisError, OSError) as error:
            raise StoreError(f"the store does not answer: {error}") from None

    async def delete(self, counters: Sequence[Stored]) -> int:
        """Forget these counters; how many of them were still there."""
        gone = 0
        try:
            for start in range(0, len(counters), _AT_ONCE):
                texts = [stored.key.text for stored in counters[start : start + _AT_ONCE]]
                gone += int(await self._redis.unlink(*texts))
        except (RedisError, OSError) as error:
            raise StoreError(f"the store does not answer: {error}; {gone} deleted") from None
        return gone

    async def hashes(self, names: Sequence[str]) -> list[dict[bytes, bytes]]:
        """The fields of some hashes, empty where there is none."""
        try:
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(name)
            found: list[dict[bytes, bytes]] = await pipe.execute()
        except (RedisError, OSError) as error:
            raise StoreError(f"the store does not answer: {error}") from None
        return found

    async def _scan(self, pattern: str) -> AsyncIterator[list[CounterKey]]:
        cursor = 0
        seen: set[bytes | str] = set()  # SCAN may name a key twice
        while True:
            cursor, names = await self._redis.scan(cursor, match=pattern, count=SCAN_STEP)
            fresh = [name for name in names if name not in seen]
            seen.update(fresh)
            keys = [read_key(_text(name)) for name in fresh]
            yield [key for key in keys if key is not None]
            if int(cursor) == 0:
                return

    async def _read(self, keys: Sequence[CounterKey]) -> list[Stored]:
        found: list[Stored] = []
        for start in range(0, len(keys), _AT_ONCE):
            step = keys[start : start + _AT_ONCE]
            pipe = self._redis.pipeline(transaction=False)
            for key in step:
                pipe.get(key.text)
                pipe.pttl(key.text)
            answers = await pipe.execute()
            for key, value, ttl_ms in zip(step, answers[::2], answers[1::2], strict=True):
                if value is not None:
                    found.append(Stored(key, value, ttl_ms))
        return found


def _glob(text: str) -> str:
    return _GLOB.sub(r"\\\1", text)


def _text(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode(errors="replace")
