"""The cache gives what is fresh, fetches once, and has something old when the service fails."""

import asyncio
import random

import pytest

from riskengine.clock import ManualClock
from riskengine.downstream.cache import How, ResponseCache
from riskengine.downstream.cache_bloom import BloomFilter
from riskengine.downstream.cache_entry import CacheRules
from riskengine.downstream.fallbacks import cached, static
from tests.downstream.cached_service import Service, made, settle


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
