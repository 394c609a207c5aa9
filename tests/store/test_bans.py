"""The contract of all ban stores: each test runs on memory, Valkey and, where installed, Redis."""

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from riskengine.clock import SystemClock
from riskengine.errors import SettingsError, StoreError
from riskengine.store.ban_book import BanBook
from riskengine.store.ban_feed import BanFeed
from riskengine.store.bans import Ban, BanStore, host_scope, make_ban
from riskengine.store.open import open_bans
from tests.waiting import until

CLOCK = SystemClock()
_numbers = itertools.count()


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[BanStore]:
    opened = open_bans(store_url, clock=CLOCK, timeout_s=5)
    await opened.lift([ban.key for ban in (await opened.changes()).bans])
    yield opened
    await opened.close()


def ban(network: str = "", *, lasts_s: float = 600.0, **words: str) -> Ban:
    number = next(_numbers)
    network = network or f"198.51.{number // 256}.{number % 256}"
    now = CLOCK.now()
    return make_ban(network, created_at=now, expires_at=now + lasts_s, **words)


async def keys(store: BanStore) -> set[str]:
    return {one.key for one in (await store.changes()).bans}


async def test_a_ban_is_read_as_it_was_set(store: BanStore) -> None:
    set_ = ban(host="shop.example", reason="scraping", author="ada", namespace="eu")
    await store.add([set_])
    changes = await store.changes()
    assert changes.whole
    assert changes.bans == [set_]


async def test_a_reader_is_told_only_what_is_new(store: BanStore) -> None:
    first, second = ban(), ban()
    await store.add([first])
    mark = (await store.changes()).mark
    assert (await store.changes(mark))[1:4] == (False, [], [])
    await store.add([second])
    assert (await store.changes(mark))[1:4] == (False, [second], [])


async def test_a_lifted_ban_is_told_as_lifted(store: BanStore) -> None:
    set_ = ban()
    await store.add([set_])
    mark = (await store.changes()).mark
    assert await store.lift([set_.key, "default 192.0.2.1/32 "]) == 1
    assert (await store.changes(mark))[1:4] == (False, [], [set_.key])
    assert await keys(store) == set()
    assert await store.lift([set_.key]) == 0


async def test_a_ban_that_was_lifted_can_be_set_again(store: BanStore) -> None:
    set_ = ban()
    await store.add([set_])
    await store.lift([set_.key])
    mark = (await store.changes()).mark
    await store.add([set_])
    assert (await store.changes(mark))[1:4] == (False, [set_], [])


async def test_a_ban_is_only_ever_made_longer(store: BanStore) -> None:
    long, short = ban("192.0.2.1", lasts_s=600), ban("192.0.2.1", lasts_s=60)
    longer = ban("192.0.2.1", lasts_s=900)
    await store.add([long])
    await store.add([short])
    assert (await store.changes()).bans == [long]
    await store.add([longer])
    assert (await store.changes()).bans == [longer]


async def test_bans_of_other_hosts_and_namespaces_stand_side_by_side(store: BanStore) -> None:
    bans = [
        ban("192.0.2.1"), ban("192.0.2.1", host="a.example"),
        ban("192.0.2.1", host="b.example"), ban("192.0.2.1", namespace="eu"),
    ]  # fmt: skip
    await store.add(bans)
    assert await keys(store) == {one.key for one in bans}


async def test_a_ban_that_is_over_is_not_taken(store: BanStore) -> None:
    await store.add([ban(lasts_s=-1.0)])
    assert await keys(store) == set()


@pytest.mark.parametrize("mark", ["x", "999999999", "abc 3", "x y z", " ", "9 9 9"])
async def test_a_mark_that_is_not_ours_is_answered_with_everything(
    store: BanStore, mark: str
) -> None:
    set_ = ban()
    await store.add([set_])
    changes = await store.changes(mark)
    assert changes.whole
    assert changes.bans == [set_]


async def test_beyond_the_maximum_those_that_end_first_make_room(store_url: str) -> None:
    if store_url == "memory":
        from riskengine.store.memory_bans import MemoryBans

        store: BanStore = MemoryBans(CLOCK, bans_max=3)
    else:
        from riskengine.store.redis_bans import RedisBans

        store = RedisBans(store_url, timeout_s=5, bans_max=3)
        await store.lift([one.key for one in (await store.changes()).bans])
    bans = [ban(lasts_s=lasts_s) for lasts_s in (500, 100, 400, 300, 200)]
    await store.add(bans)
    assert await keys(store) == {bans[0].key, bans[2].key, bans[3].key}
    await store.lift([one.key for one in bans])
    await store.close()


async def test_two_processes_see_each_others_bans_and_lifts_within_a_second(store_url: str) -> None:
    if store_url == "memory":
        pytest.skip("memory is one process's own")
    feeds = [BanFeed(open_bans(store_url, clock=CLOCK), BanBook(), CLOCK) for _ in range(2)]
    one, other = feeds
    for feed in feeds:
        feed.start()
        assert await feed.first_sync(5)
    set_ = ban("192.0.2.77")
    one.publish(set_)
    # The wait is bounded for the sake of the test alone; 250 ms is the period of asking.
    await until(lambda: any(b.key == set_.key for b in other.book.bans()))
    store = open_bans(store_url, clock=CLOCK)
    await store.lift([set_.key])
    await until(lambda: all(b.key != set_.key for f in feeds for b in f.book.bans()))
    await store.close()
    for feed in feeds:
        await feed.close()


async def test_a_store_that_is_not_there_is_told_as_such() -> None:
    store = open_bans("unix:///nowhere/store.sock", clock=CLOCK)
    for ask in (store.add([ban()]), store.lift(["x"]), store.changes()):
        with pytest.raises(StoreError, match="the store did not answer"):
            await ask
    await store.close()


@pytest.mark.parametrize("url", ["embedded", "", "http://store"])
def test_any_other_word_is_refused_with_the_name_of_the_flag(url: str) -> None:
    with pytest.raises(SettingsError, match="--store"):
        open_bans(url, clock=CLOCK)


@pytest.mark.parametrize(
    ("written", "network"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:db8::/48", "2001:db8::/48"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
    ],
)
def test_a_ban_of_one_ipv6_address_means_its_64(written: str, network: str) -> None:
    assert ban(written).network == network


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("Shop.Example:8443", "shop.example"), ("shop.example.", "shop.example"), ("", ""),
        ("[2001:db8::1]:443", "[2001:db8::1]"), ("x" * 300, "x" * 255), ("a:b", "a:b"),
    ],
)  # fmt: skip
def test_hosts_are_compared_without_case_and_port(host: str, scope: str) -> None:
    assert host_scope(host) == scope


async def test_what_somebody_else_left_in_the_store_hides_no_ban(valkey_url: str) -> None:
    store = open_bans(valkey_url, clock=CLOCK, timeout_s=5)
    good = ban()
    await store.add([good])
    client = Redis.from_url(valkey_url)
    odd = (b"{", b'{"network":"x","expires_at":1}', b"7")
    for number, text in enumerate(odd):
        await client.hset("{riskengine:bans1}:bans", f"odd{number}", text)
    assert good in (await store.changes()).bans
    await client.hdel("{riskengine:bans1}:bans", *(f"odd{n}" for n in range(len(odd))))
    await client.aclose()
    await store.lift([good.key])
    await store.close()
