"""A real cluster of three Valkey nodes: slots, redirections, a slot that moves."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.crc import key_slot

from riskengine.errors import StoreError
from riskengine.store.cluster import ClusterCounters
from riskengine.store.counters import Algorithm, Hit
from tests.store.servers import HOST, Server, binary_of, make_cluster, node_id

pytestmark = pytest.mark.slow

HOUR = 3_600_000_000


@pytest_asyncio.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[list[Server]]:
    """Three masters with a third of the slots each."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "5000")
    started = [Server(binary_of("valkey"), tmp_path, *options) for _ in range(3)]
    try:
        for node in started:
            await node.start()
        await make_cluster(started)
        yield started
    finally:
        for node in started:
            node.stop()


@pytest_asyncio.fixture
async def counters(nodes: list[Server]) -> AsyncIterator[ClusterCounters]:
    opened = ClusterCounters(f"redis+cluster://{HOST}:{nodes[0].port}", timeout_s=5)
    yield opened
    await opened.close()


def hit_of(subject: str, rule: str = "rule", limit: int = 5, **more: object) -> Hit:
    return Hit(f"t:rl1:{{ip:{subject}}}:{rule}:1", limit, HOUR, **more)  # type: ignore[arg-type] # a test's shorthand


async def test_a_batch_over_all_slots_is_counted_as_by_one_server(
    counters: ClusterCounters,
) -> None:
    unique = uuid.uuid4().hex
    subjects = [f"{unique}-{n}" for n in range(300)]
    requests = [[hit_of(s, "a"), hit_of(s, "b", 3)] for s in subjects]
    for turn in range(4):
        tallies = await counters.hit(requests, budget_s=5)
        assert {(a.remaining, b.remaining) for a, b in tallies} == {
            (4 - turn, 2 - turn) if turn < 3 else (2, 0)
        }
        assert {b.admitted for _, b in tallies} == {turn < 3}


async def test_a_request_of_several_subjects_is_counted_in_all_of_them(
    counters: ClusterCounters,
) -> None:
    unique = uuid.uuid4().hex
    hits = [hit_of(f"{unique}-{n}") for n in range(20)]
    tallies = await counters.hit([hits, hits], at_us=[1, 2], budget_s=5)
    assert [[t.remaining for t in own] for own in tallies] == [[4] * 20, [3] * 20]


async def test_what_one_slot_refuses_counts_in_the_others_and_not_in_its_own(
    counters: ClusterCounters,
) -> None:
    """The one difference to a single server, where a refused request uses nothing up at all."""
    full, beside, elsewhere = (
        hit_of("192.0.2.1", "full", 1),
        hit_of("192.0.2.1", "beside"),
        hit_of("198.51.100.2", "elsewhere"),
    )
    place = hit_of("198.51.100.3", "places", algorithm=Algorithm.CONCURRENCY, token=b"a caller")
    assert len({key_slot(hit.key.encode()) for hit in (full, elsewhere, place)}) == 3
    refusals = 3
    await counters.hit([[full]], budget_s=5)
    for number in range(refusals):
        own = place._replace(token=number.to_bytes(8))
        [tallies] = await counters.hit([[full, beside, elsewhere, own]], budget_s=5)
        assert [tally.admitted for tally in tallies] == [False, True, True, True]
    looks = [hit._replace(cost=0, observed=True) for hit in (beside, elsewhere, place)]
    [left] = await counters.hit([looks], budget_s=5)
    assert [tally.remaining for tally in left] == [5, 5 - refusals, 5 - refusals]


async def test_the_empty_call_asks_every_master(
    counters: ClusterCounters, nodes: list[Server]
) -> None:
    assert await counters.hit([], budget_s=5) == []
    nodes[2].freeze()
    with pytest.raises(StoreError):
        await counters.hit([], budget_s=0.1)
    nodes[2].thaw()


async def test_a_slot_moved_under_load_loses_no_count_and_no_answer(
    counters: ClusterCounters, nodes: list[Server]
) -> None:
    """Eight askers on keys of one slot while it moves key by key: never above the limit."""
    subject = uuid.uuid4().hex
    rules = [hit_of(subject, f"r{n}", limit) for n, limit in enumerate((400, 300, 100_000))]
    slot = key_slot(rules[0].key.encode())
    admitted, stop = itertools.count(), asyncio.Event()

    async def ask() -> None:
        while not stop.is_set():
            [tallies] = await counters.hit([rules], budget_s=5)
            if all(tally.admitted for tally in tallies):
                next(admitted)
            await asyncio.sleep(0.001)

    askers = [asyncio.ensure_future(ask()) for _ in range(8)]
    await asyncio.sleep(0.05)
    source = nodes[min(2, slot // (16_384 // 3))]
    target = next(node for node in nodes if node is not source)
    await move(slot, source, target, nodes)
    for _ in range(100):
        await counters.hit([rules], budget_s=5)
    stop.set()
    await asyncio.gather(*askers)
    [tallies] = await counters.hit([rules], budget_s=5)
    assert tallies[1].remaining == 0
    assert next(admitted) <= 300
    assert counters._owners[slot] == (HOST, target.port)


async def move(slot: int, source: Server, target: Server, nodes: list[Server]) -> None:
    """As `valkey-cli --cluster reshard` does it, one key at a time."""
    await target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", await node_id(source))
    await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", await node_id(target))
    while keys := await source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1):
        key = keys[0].decode()
        await source.ask("MIGRATE", HOST, target.port, key, 0, 1_000)
        await asyncio.sleep(0.05)
    for node in (target, source, *nodes):
        await node.ask("CLUSTER", "SETSLOT", slot, "NODE", await node_id(target))


async def test_requests_in_flight_are_named_to_each_node(counters: ClusterCounters) -> None:
    unique = uuid.uuid4().hex
    for number in range(3):
        hits = [
            hit_of(
                f"{unique}-{n}",
                limit=2,
                algorithm=Algorithm.CONCURRENCY,
                token=number.to_bytes(8),
            )
            for n in range(5)
        ]
        [tallies] = await counters.hit([hits], budget_s=5)
        assert {tally.admitted for tally in tallies} == {number < 2}


async def test_a_server_that_is_no_cluster_says_so(valkey_url: str, tmp_path: Path) -> None:
    lone = await Server(binary_of("valkey"), tmp_path).start()
    counters = ClusterCounters(f"redis+cluster://{HOST}:{lone.port}", timeout_s=5)
    with pytest.raises(StoreError, match="cluster support disabled"):
        await counters.hit([[hit_of("a")]], budget_s=5)
    await counters.close()
    lone.stop()
