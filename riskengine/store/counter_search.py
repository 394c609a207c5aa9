"""Finds, reads and deletes counters in a running store, in short steps that block nobody."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol, Self

from redis.asyncio import RedisCluster

from riskengine.errors import SettingsError, StoreError
from riskengine.store.clients import FAILURES, open_client
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
        """`url` is that of a server, its sentinels or a cluster; SettingsError where it is not."""
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
        except FAILURES as error:
            raise StoreError(f"the store does not answer: {error}") from None
        return int(seconds) * 1_000_000 + int(microseconds)

    async def find(self, wanted: Wanted, *, scan_max: int) -> Found:
        """The counters that are wanted, having looked at `scan_max` keys at most.

        A whole key is read at once; anything else is looked for by SCAN, step by step, in a cluster
        on one master after the other. A slot that moves meanwhile may be missed.
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
        except FAILURES as error:
            raise StoreError(f"the store does not answer: {error}") from None

    async def delete(self, counters: Sequence[Stored]) -> int:
        """Forget these counters; how many of them were still there."""
        gone = 0
        try:
            for start in range(0, len(counters), _AT_ONCE):
                texts = [stored.key.text for stored in counters[start : start + _AT_ONCE]]
                gone += int(await self._redis.unlink(*texts))
        except FAILURES as error:
            raise StoreError(f"the store does not answer: {error}; {gone} deleted") from None
        return gone

    async def hashes(self, names: Sequence[str]) -> list[dict[bytes, bytes]]:
        """The fields of some hashes, empty where there is none."""
        try:
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(name)
            found: list[dict[bytes, bytes]] = await pipe.execute()
        except FAILURES as error:
            raise StoreError(f"the store does not answer: {error}") from None
        return found

    async def _scan(self, pattern: str) -> AsyncIterator[list[CounterKey]]:
        seen: set[bytes | str] = set()  # SCAN may name a key twice, and so may two masters
        async for names in self._names(pattern):
            fresh = [name for name in names if name not in seen]
            seen.update(fresh)
            keys = [read_key(_text(name)) for name in fresh]
            yield [key for key in keys if key is not None]

    async def _names(self, pattern: str) -> AsyncIterator[list[bytes | str]]:
        if not isinstance(self._redis, RedisCluster):
            cursor = None
            while cursor != 0:
                cursor, names = await self._redis.scan(cursor or 0, pattern, SCAN_STEP)
                yield names
            return
        await self._redis.initialize()  # who the masters are
        for master in self._redis.get_primaries():
            cursor = None
            while cursor != 0:
                cursors, names = await self._redis.scan(
                    cursor or 0, pattern, SCAN_STEP, target_nodes=master
                )
                cursor = cursors[master.name]  # type: ignore[index] # its stub knows no clusters
                yield names

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
