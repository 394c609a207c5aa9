"""Bans, hot keys and counter searches over every kind of store that `--store` can name."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from riskengine.analyst.wanted_counters import wanted_counters
from riskengine.clock import SystemClock
from riskengine.errors import SettingsError, StoreError
from riskengine.store.bans import make_ban
from riskengine.store.clients import open_client
from riskengine.store.cluster import ClusterCounters
from riskengine.store.counter_search import CounterSearch
from riskengine.store.counters import Hit
from riskengine.store.heavy_keys import Heavy
from riskengine.store.hot_keys import HotKeys, minute_name, together
from riskengine.store.open import open_bans
from riskengine.store.watched import Seen, WatchedCounters
from tests.cli.test_replay import riskengine
from tests.store.servers import HOST, Sentinel, Server, binary_of, eventually, make_cluster

CLOCK = SystemClock()


@pytest_asyncio.fixture
async def sentinel_url(tmp_path: Path) -> AsyncIterator[str]:
    """One master behind one sentinel."""
    binary = binary_of("valkey")
    master = Server(binary, tmp_path)
    sentinel = Sentinel(binary, tmp_path, master)
    try:
        await master.start()
        await sentinel.start()

        async def named() -> bool:
            return bool(await sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shop"))

        await eventually(named)
        yield f"redis+sentinel://{HOST}:{sentinel.port}/shop"
    finally:
        sentinel.stop()
        master.stop()


@pytest_asyncio.fixture
async def cluster_url(tmp_path: Path) -> AsyncIterator[str]:
    """Three masters that share the slots."""
    nodes = [Server(binary_of("valkey"), tmp_path, "--cluster-enabled", "yes") for _ in range(3)]
    try:
        for node in nodes:
            await node.start()
        await make_cluster(nodes)
        yield f"redis+cluster://{HOST}:{nodes[0].port},{HOST}:{nodes[1].port}"
    finally:
        for node in nodes:
            node.stop()


async def bans_go_in_and_out(url: str) -> None:
    store = open_bans(url, clock=CLOCK, timeout_s=5)
    now = CLOCK.now()
    ban = make_ban("198.51.100.7", created_at=now, expires_at=now + 600, reason="by hand")
    try:
        await store.add([ban])
        assert (await store.changes()).bans == [ban]
        assert await store.lift([ban.key]) == 1
        assert (await store.changes()).bans == []
    finally:
        await store.close()


async def hot_keys_are_told(url: str) -> None:
    watch = HotKeys(url, process="one")
    seen = Seen()
    seen.asked["key"] = 3
    watch.add(seen)
    client = open_client(url, timeout_s=5)
    try:
        await watch.flush()
        now = int(CLOCK.now()) // 60
        hashes: list[Any] = [await client.hgetall(minute_name(minute)) for minute in (now - 1, now)]
        assert together(hashes).asked == [Heavy("key", 3, 0)]
    finally:
        await watch.close()
        await client.aclose()


@pytest.mark.slow
async def test_bans_and_hot_keys_stand_at_the_master_behind_sentinels(sentinel_url: str) -> None:
    await bans_go_in_and_out(sentinel_url)
    await hot_keys_are_told(sentinel_url)
    async with CounterSearch(sentinel_url) as search:
        assert abs(await search.now_us() / 1_000_000 - CLOCK.now()) < 60


@pytest.mark.slow
async def test_bans_and_hot_keys_stand_in_a_cluster(cluster_url: str) -> None:
    await bans_go_in_and_out(cluster_url)
    await hot_keys_are_told(cluster_url)


@pytest.mark.slow
async def test_counters_are_found_and_forgotten_on_every_master_of_a_cluster(
    cluster_url: str,
) -> None:
    counters = ClusterCounters(cluster_url, timeout_s=5)
    keys = [f"shop:rl1:{{user:ann,ip:192.0.2.{n}}}:pages:1000000" for n in range(60)]
    keys.append("shop:rl1:{user:bob}:pages:1000000")
    await counters.hit([[Hit(key, 5, 3_600_000_000)] for key in keys], budget_s=5)
    await counters.close()
    async with CounterSearch(cluster_url) as search:
        found = await search.find(wanted_counters("user:ann"), scan_max=1_000_000)
        assert found.complete
        assert {one.key.text for one in found.counters} == set(keys[:60])
        assert await search.delete(found.counters) == 60
        left = await search.find(wanted_counters("pages"), scan_max=1_000_000)
        assert left.counters == []
        [bob] = (await search.find(wanted_counters("bob"), scan_max=1_000_000)).counters
        whole = await search.find(wanted_counters(bob.key.text), scan_max=1)
        assert [(one.key, one.value) for one in whole.counters] == [(bob.key, bob.value)]
        assert len(await search.hashes(["a", "b", "c"])) == 3


@pytest.mark.slow
def test_the_commands_work_on_a_cluster(cluster_url: str) -> None:
    asyncio.run(_count_in(cluster_url))
    for arguments, words in (
        (["show", "user:ann"], '"used": 2'),
        (["top"], '"count": 2'),
        (["reset", "user:ann", "--yes"], '"deleted": 1'),
    ):
        done = riskengine("limits", *arguments, "--store", cluster_url, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert words in done.stdout


async def _count_in(url: str) -> None:
    watch = HotKeys(url, process="one")
    counters = WatchedCounters(ClusterCounters(url, timeout_s=5), watch)
    await counters.hit(
        [[Hit("shop:rl1:{user:ann}:pages:3600000000", 5, 3_600_000_000)]] * 2, budget_s=5
    )
    counters.look()
    await watch.flush()
    await counters.close()


async def test_a_cluster_that_is_away_is_a_store_that_does_not_answer() -> None:
    url = "redis+cluster://127.0.0.1:1"
    bans, watch = open_bans(url, clock=CLOCK), HotKeys(url, process="one")
    with pytest.raises(StoreError, match="the store did not answer"):
        await bans.changes()
    await watch.flush()
    async with CounterSearch(url) as search:
        with pytest.raises(StoreError, match="the store does not answer"):
            await search.find(wanted_counters("ann"), scan_max=1)
    await bans.close()
    await watch.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis+sentinel://h:26379", "must name the service behind the sentinels"),
        ("redis+sentinel://h:no/shop", "must name servers as HOST:PORT"),
        ("redis+cluster://h:99999", "must name servers as HOST:PORT"),
    ],
)
def test_a_url_that_cannot_be_used_says_why(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=f"--store is not a usable URL: {words}"):
        open_bans(url, clock=CLOCK)
