"""The copy follows the store, and outlives it."""

import asyncio
from collections.abc import Sequence

import pytest

from riskengine.clock import ManualClock
from riskengine.errors import StoreError
from riskengine.store.ban_book import BanBook
from riskengine.store.ban_feed import BanFeed
from riskengine.store.bans import Ban, Changes, make_ban
from riskengine.store.memory_bans import MemoryBans
from tests.virtual_loop import VirtualLoop


class Breakable:
    """A memory store that can be away, or forget everything as a restarted one does."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._inner = MemoryBans(clock)
        self._life = 0
        self.away = False

    def restart(self) -> None:
        self._inner = MemoryBans(self._clock)
        self._life += 1

    async def add(self, bans: Sequence[Ban]) -> None:
        self._check()
        await self._inner.add(bans)

    async def lift(self, keys: Sequence[str]) -> int:
        self._check()
        return await self._inner.lift(keys)

    async def changes(self, mark: str = "") -> Changes:
        self._check()
        life, _, version = mark.partition(" ")
        known = life == str(self._life)
        changes = await self._inner.changes(version if known else "")
        forgot = bool(life) and not known
        return changes._replace(mark=f"{self._life} {changes.mark}", forgot=forgot)

    async def close(self) -> None:
        pass

    def _check(self) -> None:
        if self.away:
            raise StoreError("away")


def ban(clock: ManualClock, network: str, lasts_s: float = 600.0) -> Ban:
    return make_ban(network, created_at=clock.now(), expires_at=clock.now() + lasts_s)


def networks(feed: BanFeed) -> set[str]:
    return {one.network for one in feed.book.bans()}


def is_banned(feed: BanFeed, at: float) -> bool:
    packed = bytes((192, 0, 2, 1))
    return feed.book.find(packed, namespace="default", host=str, at=at) is not None


def setting() -> tuple[ManualClock, Breakable, BanFeed, BanFeed]:
    clock = ManualClock()
    store = Breakable(clock)
    return clock, store, BanFeed(store, BanBook(), clock), BanFeed(store, BanBook(), clock)


async def test_a_ban_is_in_force_here_before_the_store_has_heard_of_it() -> None:
    clock, _, feed, _ = setting()
    feed.publish(ban(clock, "192.0.2.1"))
    assert networks(feed) == {"192.0.2.1/32"}


async def test_bans_travel_through_the_store() -> None:
    clock, _, one, other = setting()
    one.publish(ban(clock, "192.0.2.1"))
    await one.sync()
    await other.sync()
    assert networks(other) == {"192.0.2.1/32"}


async def test_lifted_bans_end_everywhere() -> None:
    clock, store, one, other = setting()
    made = ban(clock, "192.0.2.1")
    one.publish(made)
    for feed in (one, other):
        await feed.sync()
    await store.lift([made.key])
    for feed in (one, other):
        await feed.sync()
        assert networks(feed) == set()


async def test_bans_stay_until_they_end_while_the_store_is_away() -> None:
    clock, store, feed, _ = setting()
    feed.publish(ban(clock, "192.0.2.1", 60))
    await feed.sync()
    store.away = True
    clock.advance(59)
    assert is_banned(feed, clock.now())
    clock.advance(1)
    assert not is_banned(feed, clock.now())


async def test_bans_made_while_the_store_was_away_are_told_when_it_is_back() -> None:
    clock, store, one, other = setting()
    store.away = True
    one.publish(ban(clock, "192.0.2.1"))
    with pytest.raises(StoreError):
        await one.sync()
    store.away = False
    await one.sync()
    await other.sync()
    assert networks(other) == {"192.0.2.1/32"}


async def test_a_store_that_forgot_is_told_again() -> None:
    clock, store, one, other = setting()
    one.publish(ban(clock, "192.0.2.1"))
    for feed in (one, other):
        await feed.sync()
    store.restart()
    await other.sync()
    assert networks(other) == {"192.0.2.1/32"}
    late = BanFeed(store, BanBook(), clock)
    await late.sync()
    assert networks(late) == {"192.0.2.1/32"}


async def test_a_ban_that_ended_is_not_brought_back_by_a_store_that_forgot() -> None:
    clock, store, feed, _ = setting()
    feed.publish(ban(clock, "192.0.2.1", 10))
    await feed.sync()
    store.restart()
    clock.advance(10)
    await feed.sync()
    assert networks(feed) == set()
    assert (await store.changes()).bans == []


async def test_closing_tells_what_is_untold() -> None:
    clock, store, feed, _ = setting()
    feed.publish(ban(clock, "192.0.2.1"))
    await feed.close()
    assert [one.network for one in (await store.changes()).bans] == ["192.0.2.1/32"]


def test_a_running_feed_outlives_failures_and_is_quick_to_tell() -> None:
    clock, store, feed, other = setting()
    loop = VirtualLoop()

    async def live() -> None:
        feed.start()
        assert await feed.first_sync(1)
        store.away = True
        feed.publish(ban(clock, "192.0.2.1"))
        await asyncio.sleep(30)
        assert networks(feed) == {"192.0.2.1/32"}
        store.away = False
        await asyncio.sleep(1)
        await other.sync()
        assert networks(other) == {"192.0.2.1/32"}
        feed.publish(ban(clock, "192.0.2.2"))
        await asyncio.sleep(0.01)
        await other.sync()
        assert networks(other) == {"192.0.2.1/32", "192.0.2.2/32"}
        await feed.close()

    loop.run_until_complete(live())
    loop.close()
