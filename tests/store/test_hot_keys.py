"""Counters tell which keys are hot, after the decisions and over a connection of their own."""

import asyncio
import itertools
from typing import Any

from redis.asyncio import Redis

from riskengine.clock import ManualClock
from riskengine.store.counters import Hit
from riskengine.store.hot_keys import HotKeys, minute_name, together
from riskengine.store.memory import MemoryCounters
from riskengine.store.watched import TAKEN_MAX, Seen, WatchedCounters
from tests.virtual_loop import VirtualLoop

SECOND = 1_000_000


class Noted:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def add(self, seen: Seen) -> None:
        self.seen.append(seen)

    async def close(self) -> None:
        pass


def hit(key: str, limit: int = 4) -> Hit:
    return Hit(key, limit, 60 * SECOND)


async def test_watching_changes_no_answer() -> None:
    requests = [[hit("a"), hit("b", 2)]] * 6
    plain = MemoryCounters(ManualClock())
    watched = WatchedCounters(MemoryCounters(ManualClock()), Noted())
    expected = await plain.hit(requests, budget_s=1)
    assert await watched.hit(requests, budget_s=1) == expected
    await watched.close()


async def test_asked_refused_and_fullest_keys_are_told_apart() -> None:
    noted = Noted()
    counters = WatchedCounters(MemoryCounters(ManualClock()), noted)
    await counters.hit([[hit("busy")]] * 6 + [[hit("calm", 100)]], budget_s=1)
    assert noted.seen == []  # nothing is looked at before the decision has left
    counters.look()
    [seen] = noted.seen
    assert seen.asked == {"busy": 6, "calm": 1}
    assert seen.refused == {"busy": 2}
    assert seen.fullest == {"busy": (4, 4)}
    await counters.close()


async def test_under_load_the_first_hits_stand_for_all() -> None:
    noted = Noted()
    counters = WatchedCounters(MemoryCounters(ManualClock()), noted)
    for _ in range(10):
        await counters.hit([[hit("hot", 10**9)]] * (TAKEN_MAX // 2), budget_s=1)
    counters.look()
    assert noted.seen[0].asked == {"hot": 5 * TAKEN_MAX}
    await counters.close()


def test_looking_happens_a_little_later_by_itself() -> None:
    noted = Noted()

    async def run() -> None:
        counters = WatchedCounters(MemoryCounters(ManualClock()), noted)
        await counters.hit([[hit("a")]], budget_s=1)
        await asyncio.sleep(0.019)
        assert noted.seen == []
        await asyncio.sleep(0.002)
        assert len(noted.seen) == 1
        await counters.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())


_processes = itertools.count()


def seen_of(**asked: int) -> Seen:
    seen = Seen()
    seen.asked.update(asked)
    seen.refused.update({key: n // 2 for key, n in asked.items()})
    seen.fullest.update({key: (n, 10) for key, n in asked.items()})
    return seen


async def hashes(url: str, names: list[str]) -> list[dict[Any, Any]]:
    redis = Redis.from_url(url)
    found: list[dict[Any, Any]] = []
    for name in names:
        found.append(await redis.hgetall(name))
        assert 0 < await redis.ttl(name) <= 900 or not found[-1]
    await redis.aclose()
    return found


async def test_processes_are_put_together_and_telling_twice_counts_once(valkey_url: str) -> None:
    redis = Redis.from_url(valkey_url)
    first_minute = (await redis.time())[0] // 60
    processes = [f"p{next(_processes)}" for _ in range(2)]
    workers = [HotKeys(valkey_url, process=process) for process in processes]
    for worker in workers:
        worker.add(seen_of(hot=8, calm=2))
        await worker.flush()
        worker.add(seen_of(hot=1))
        await worker.flush()
        await worker.flush()
    last_minute = (await redis.time())[0] // 60
    await redis.aclose()
    names = [minute_name(minute) for minute in range(first_minute, last_minute + 1)]
    told = await hashes(valkey_url, names)
    own = {name.encode() for name in processes}
    minute = together([{p: v for p, v in fields.items() if p in own} for fields in told])
    for worker in workers:
        await worker.close()
    assert [(heavy.key, heavy.times) for heavy in minute.asked] == [("hot", 18), ("calm", 4)]
    assert [(heavy.key, heavy.times) for heavy in minute.refused] == [("hot", 8), ("calm", 2)]
    assert {full.key: full.used for full in minute.fullest} == {"calm": 2, "hot": 1}


def test_what_another_release_wrote_is_left_out() -> None:
    assert together([{b"p": b'{"asked": 7}', b"q": b"\xff"}]).asked == []


async def test_a_store_that_is_away_costs_nothing_but_the_ranking() -> None:
    worker = HotKeys("unix:///nowhere/store.sock", process="p")
    worker.add(seen_of(hot=1))
    await worker.flush()
    await worker.close()


async def test_memory_is_bounded_whatever_comes() -> None:
    worker = HotKeys("unix:///nowhere/store.sock", process="p")
    for turn in range(20):
        worker.add(seen_of(**{f"k{turn}-{i}": 9 for i in range(5_000)}))
    assert len(worker._pending.asked) <= 5_000
    told = worker._sketches.told()
    assert (len(told.asked), len(told.fullest)) == (100, 100)
    assert len(worker._sketches._fullest) <= 1_024
    await worker.close()
