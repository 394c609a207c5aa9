"""Caches of several instances over one store."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from riskengine.clock import ManualClock
from riskengine.downstream.cache import How, ResponseCache
from riskengine.downstream.cache_entry import Entry
from riskengine.downstream.cache_shared import RedisEntries
from riskengine.tasks import spawn
from tests.downstream.cached_service import Service, made
from tests.waiting import until


@asynccontextmanager
async def instances(
    url: str, clock: ManualClock, count: int = 2
) -> AsyncIterator[list[ResponseCache]]:
    """Caches of so many instances over one store, each listening."""
    namespace = uuid.uuid4().hex
    stores = [RedisEntries(url, namespace=namespace, timeout_s=5) for _ in range(count)]
    caches = [made(clock, shared=store) for store in stores]
    ready = [asyncio.Event() for _ in stores]
    tasks = [
        spawn(store.listen(cache.forget, event.set), name="listen")
        for store, cache, event in zip(stores, caches, ready, strict=True)
    ]
    async with asyncio.timeout(10):
        await asyncio.gather(*[event.wait() for event in ready])
    yield caches
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for store in stores:
        await store.close()


async def test_what_one_instance_fetched_another_finds_in_the_store(valkey_url: str) -> None:
    service = Service()
    async with instances(valkey_url, ManualClock()) as (one, other):
        assert (await one.get("a", service.load)).how is How.LOADED
        found = await other.get("a", service.load)
        assert (found.value, found.how, service.asked) == (b"answer 1", How.SHARED, 1)
        assert await other.peek("a") == b"answer 1"


async def test_what_one_instance_drops_all_forget(valkey_url: str) -> None:
    service = Service()
    async with instances(valkey_url, ManualClock(), count=3) as caches:
        for cache in caches:
            await cache.get("a", service.load)
        await caches[0].drop("a")
        await until(lambda: all("0 entries" in repr(cache) for cache in caches))
        assert (await caches[1].get("a", service.load)).value == b"answer 2"
        assert (await caches[2].get("a", service.load)).how is How.SHARED


async def test_a_local_copy_is_held_against_the_store_now_and_then(valkey_url: str) -> None:
    clock, service = ManualClock(), Service()
    async with instances(valkey_url, clock) as (one, other):
        await one.get("a", service.load)
        await other.get("a", service.load)
        await one._shared.put("a", Entry(b"newer", *[clock.now() + 99] * 3), ttl_s=99)
        assert (await other.get("a", service.load)).value == b"answer 1"
        clock.advance(10)
        assert (await other.get("a", service.load)).value == b"answer 1"
        await until(lambda: not other._refreshing)
        assert (await other.get("a", service.load)).value == b"newer"
        assert service.asked == 1


async def test_without_its_store_the_cache_works_alone() -> None:
    service = Service()
    store = RedisEntries("unix:///nowhere/store.sock", timeout_s=0.5)
    cache = made(ManualClock(), shared=store)
    assert (await cache.get("a", service.load)).how is How.LOADED
    assert (await cache.get("a", service.load)).how is How.LOCAL
    await cache.drop("a")
    assert (await cache.get("a", service.load)).value == b"answer 2"
    assert store.failures == 5
    await store.close()


async def test_a_store_that_does_not_answer_is_not_waited_for(tmp_path: object) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(silent, f"{tmp_path}/s")
    store = RedisEntries(f"unix://{tmp_path}/s", timeout_s=0.05)
    service = Service()
    async with asyncio.timeout(10):
        found = await made(ManualClock(), shared=store).get("a", service.load)
    assert found.how is How.LOADED
    assert store.failures == 2
    await store.close()
    server.close()


async def test_word_of_a_gap_comes_when_listening_begins_again(valkey_url: str) -> None:
    cache = made(ManualClock())
    store = RedisEntries(valkey_url, namespace=uuid.uuid4().hex, timeout_s=5)
    await cache.get("a", Service().load)
    task = spawn(store.listen(cache.forget, cache.forget_all), name="listen")
    await until(lambda: "0 entries" in repr(cache))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.close()
