"""The cache gives what is fresh, fetches once, and has something old when the service fails."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.downstream.cache import How, ResponseCache
from riskengine.downstream.cache_bloom import BloomFilter
from riskengine.downstream.cache_entry import CacheRules, Entry, decode_entry, encode_entry
from riskengine.downstream.cache_local import LocalEntries
from riskengine.downstream.cache_shared import RedisEntries
from riskengine.downstream.fallbacks import cached, static
from riskengine.tasks import spawn
from tests.waiting import until


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


async def test_a_fresh_answer_is_given_without_asking() -> None:
    clock, service = ManualClock(), Service()
    cache = made(clock)
    assert (await cache.get("a", service.load)).how is How.LOADED
    clock.advance(9.9)
    found = await cache.get("a", service.load)
    assert (found.value, found.how, service.asked) == (b"answer 1", How.LOCAL, 1)


async def test_a_thousand_who_ask_at_once_ask_the_service_once() -> None:
    service = Service()
    service.gate.clear()
    cache = made(ManualClock())
    calls = [asyncio.ensure_future(cache.get("hot", service.load)) for _ in range(1_000)]
    await settle()
    service.gate.set()
    found = await asyncio.gather(*calls)
    assert service.asked == 1
    assert {one.value for one in found} == {b"answer 1"}


async def test_cancelling_some_who_wait_does_not_disturb_the_others() -> None:
    service = Service()
    service.gate.clear()
    cache = made(ManualClock())
    calls = [asyncio.ensure_future(cache.get("hot", service.load)) for _ in range(10)]
    await settle()
    for call in calls[:9]:
        call.cancel()
    await settle()
    service.gate.set()
    assert (await calls[9]).value == b"answer 1"
    assert service.cancelled == 0


async def test_a_fetch_that_nobody_waits_for_any_more_is_cancelled() -> None:
    service = Service()
    service.gate.clear()
    cache = made(ManualClock())
    calls = [asyncio.ensure_future(cache.get("hot", service.load)) for _ in range(10_000)]
    await settle()
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await settle()
    assert service.cancelled == 1
    assert len(asyncio.all_tasks()) == 1
    service.gate.set()
    assert (await cache.get("hot", service.load)).value == b"answer 2"


async def test_an_old_answer_is_given_while_a_new_one_is_fetched_once() -> None:
    clock, service = ManualClock(), Service()
    cache = made(clock)
    await cache.get("a", service.load)
    clock.advance(61)
    service.gate.clear()
    found = [await cache.get("a", service.load) for _ in range(100)]
    await settle()
    assert {(one.value, one.how) for one in found} == {(b"answer 1", How.STALE)}
    assert service.asked == 2
    service.gate.set()
    await settle()
    assert (await cache.get("a", service.load)).value == b"answer 2"


async def test_where_the_service_fails_an_old_answer_is_better_than_none() -> None:
    clock, service = ManualClock(), Service()
    cache = made(clock)
    await cache.get("a", service.load)
    service.fails = True
    clock.advance(60 + 60 + 1)
    found = await cache.get("a", service.load)
    assert (found.value, found.how) == (b"answer 1", How.ON_ERROR)
    clock.advance(3_600)
    with pytest.raises(ConnectionResetError):
        await cache.get("a", service.load)


async def test_a_failed_fetch_in_the_background_is_not_a_failure_of_anybody() -> None:
    clock, service = ManualClock(), Service()
    cache = made(clock)
    await cache.get("a", service.load)
    clock.advance(61)
    service.fails = True
    assert (await cache.get("a", service.load)).how is How.STALE
    await settle()
    assert cache.counts[How.ON_ERROR] == 1
    assert (await cache.get("a", service.load)).how is How.STALE


async def test_that_there_is_nothing_is_remembered_for_a_short_time() -> None:
    clock, service = ManualClock(), Service()
    service.has_it = False
    cache = made(clock)
    for _ in range(100):
        assert (await cache.get("a", service.load)).value is None
    assert service.asked == 1
    clock.advance(5)
    service.has_it = True
    assert (await cache.get("a", service.load)).value == b"answer 2"


async def test_keys_that_do_not_exist_never_reach_the_service() -> None:
    service = Service()
    cache = made(ManualClock(), known=BloomFilter(1_000, keys=[f"item-{n}" for n in range(1_000)]))
    for number in range(1_000, 11_000):
        await cache.get(f"item-{number}", service.load)
    assert service.asked < 300, "one in a hundred is let through by mistake"
    assert cache.counts[How.UNKNOWN] > 9_700
    assert (await cache.get("item-7", service.load)).how is How.LOADED


async def test_expiry_is_spread_so_that_not_everything_is_fetched_at_once() -> None:
    clock, service = ManualClock(), Service()
    cache = ResponseCache(clock, random.Random(1), CacheRules(local_s=1_000))
    for number in range(1_000):
        await cache.get(str(number), service.load)
    clock.advance(53)
    stale = []
    for _ in range(8):
        found = [await cache.get(str(number), service.load) for number in range(1_000)]
        stale.append(sum(one.how is How.STALE for one in found))
        await settle()
        clock.advance(1)
    assert stale[:2] == [0, 0]
    assert sum(stale) == 1_000
    assert max(stale) < 250


async def test_an_answer_that_was_dropped_while_it_was_fetched_is_not_kept() -> None:
    service = Service()
    service.gate.clear()
    cache = made(ManualClock())
    first = asyncio.ensure_future(cache.get("a", service.load))
    await settle()
    await cache.drop("a")
    second = asyncio.ensure_future(cache.get("a", service.load))
    await settle()
    service.gate.set()
    assert ((await first).value, (await second).value) == (b"answer 1", b"answer 2")
    assert (await cache.get("a", service.load)).value == b"answer 2"


async def test_a_mistake_in_the_code_is_not_hidden_by_an_old_answer() -> None:
    async def mistaken() -> bytes:
        raise KeyError("price")

    clock = ManualClock()
    cache = made(clock)
    await cache.get("a", Service().load)
    clock.advance(1_000)
    with pytest.raises(KeyError):
        await cache.get("a", mistaken)


async def test_a_degraded_feature_answers_with_what_the_cache_still_holds() -> None:
    clock = ManualClock()
    cache = made(clock)
    await cache.get("a", Service().load)
    clock.advance(1_000)
    fallback = cached(lambda key: cache.peek(str(key)), static(b"nothing yet"))
    assert await fallback("a") == b"answer 1"
    assert await fallback("b") == b"nothing yet"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 400)), max_size=200))
def test_local_entries_never_take_more_than_their_bytes(puts: list[tuple[int, int]]) -> None:
    local = LocalEntries(ManualClock(), bytes_max=1_000, trust_s=1)
    for key, length in puts:
        entry = Entry(b"x" * length, 0, 0, 0)
        local.put(str(key), entry)
        assert local.size <= 1_000
        assert local.get(str(key))[0] == entry


def test_an_entry_larger_than_everything_is_not_held() -> None:
    local = LocalEntries(ManualClock(), bytes_max=1_000, trust_s=1)
    local.put("a", Entry(b"small", 0, 0, 0))
    local.put("a", Entry(b"x" * 1_000, 0, 0, 0))
    assert len(local) == 0


@given(st.sets(st.text(max_size=20), max_size=300))
def test_a_bloom_filter_never_denies_what_it_was_given(keys: set[str]) -> None:
    known = BloomFilter(max(1, len(keys)), keys=keys)
    assert all(key in known for key in keys)


@pytest.mark.parametrize("false_share", [0.1, 0.01, 0.001])
def test_a_bloom_filter_lets_about_as_many_through_as_said(false_share: float) -> None:
    known = BloomFilter(20_000, false_share=false_share, keys=map(str, range(20_000)))
    passed = sum(str(number) in known for number in range(20_000, 120_000)) / 100_000
    assert passed == pytest.approx(false_share, rel=0.35)


@pytest.mark.parametrize(("capacity", "false_share"), [(0, 0.1), (10, 0.0), (10, 1.0)])
def test_a_bloom_filter_says_what_is_wrong_with_its_size(capacity: int, false_share: float) -> None:
    with pytest.raises(ValueError, match="capacity must be above 0"):
        BloomFilter(capacity, false_share=false_share)


@given(st.binary(max_size=50))
def test_bytes_that_are_no_entry_are_none_and_entries_survive(data: bytes) -> None:
    assert decode_entry(b"\xc1" + data) is None
    entry = Entry(data, 1.0, 2.0, 3.0)
    assert decode_entry(encode_entry(entry)) == entry


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
