"""What limits promise while the store is ill, held against real servers that are maltreated.

Each test prints its row of the table in docs/limits-store.md; `pytest -m fault -rP` shows them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.exceptions import RedisError

from riskengine.decision import Verdict
from tests.store.bad_days import BUDGET_S, LATENESS_S, LIMIT, PATHS, Storm, request, storm_at
from tests.store.servers import HOST, Sentinel, Server, binary_of, eventually, make_cluster, node_id

pytestmark = [pytest.mark.fault, pytest.mark.slow]

STORES = ["valkey", pytest.param("redis", marks=pytest.mark.system)]


@pytest_asyncio.fixture(params=STORES)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """A server of this test alone."""
    started = await Server(binary_of(request.param), tmp_path).start()
    yield started
    started.stop()


def judge(storm: Storm, name: str, back_s: float | None, *, overshoot: int = 1) -> None:
    """Hold the promises that every bad day has in common, and print what was measured."""
    admitted = storm.admitted("/sale")
    print(
        f"| {name} | {storm.percentile_ms(0.99):.1f} | {storm.percentile_ms(0.999):.1f} | "
        f"{'-' if back_s is None else f'{back_s * 1_000:.0f}'} | {admitted} of {LIMIT} | "
        f"{sum(a.degraded for a in storm.answers)} of {len(storm.answers)} | "
        f"loop late {storm.lag_ms(0.99):.1f}"
    )
    allowed_ms = (BUDGET_S + LATENESS_S) * 1_000 + storm.lag_ms(1)
    assert storm.percentile_ms(0.99) < allowed_ms
    assert back_s is None or back_s < 1 + storm.lag_ms(1) / 1_000
    assert admitted <= LIMIT * (1 + overshoot), "one limit more at most"
    for answer in storm.answers:
        verdict = answer.decision.verdict
        if answer.path == "/closed":
            assert (verdict is Verdict.THROTTLE) is answer.degraded
        elif answer.path in PATHS:
            assert verdict is Verdict.ALLOW


async def test_a_stalled_server_parks_nobody(server: Server) -> None:
    async with storm_at(server.url) as storm:
        server.freeze()
        await storm.until_degraded()
        server.thaw()
        back_s = await storm.seconds_until_well()
    judge(storm, "SIGSTOP, SIGCONT", back_s)


async def test_a_killed_server_is_done_without_until_it_is_back(server: Server) -> None:
    """All counts are gone; a client who floods before, meanwhile and after gets one limit more."""
    async with storm_at(server.url) as storm:
        await storm.flood()
        server.kill()
        await storm.until_degraded()
        await storm.flood()
        await server.start()
        back_s = await storm.seconds_until_well()
        await storm.flood()
    judge(storm, "kill -9, restart", back_s)


async def test_a_paused_server_parks_nobody(server: Server) -> None:
    async with storm_at(server.url) as storm:
        await server.ask("CLIENT", "PAUSE", 700, "ALL")
        await storm.until_degraded()
        await storm.until(lambda: storm.counters.away_s is None)
        back_s = await storm.seconds_until_well()
    judge(storm, "CLIENT PAUSE for 0.7 s", back_s)


async def test_a_full_server_that_evicts_nothing_refuses_and_is_done_without(
    server: Server,
) -> None:
    async with storm_at(server.url) as storm:
        await server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await server.ask("CONFIG", "SET", "maxmemory", "1mb")
        await storm.until_degraded()
        await server.ask("CONFIG", "SET", "maxmemory", "0")
        back_s = await storm.seconds_until_well()
    judge(storm, "maxmemory reached, noeviction", back_s)


async def test_a_server_that_forgets_its_scripts_is_told_again(server: Server) -> None:
    async with storm_at(server.url) as storm:
        for _ in range(20):
            await server.ask("SCRIPT", "FLUSH")
            await asyncio.sleep(0.02)
    judge(storm, "SCRIPT FLUSH, twenty times", None)
    assert _share_degraded(storm) < 0.05, "a busy machine may make a call late, no more"


async def test_a_master_that_becomes_a_read_only_replica_is_done_without(
    server: Server, tmp_path: Path
) -> None:
    async with storm_at(server.url) as storm:
        await server.ask("REPLICAOF", HOST, 1)
        await storm.until_degraded()
        await server.ask("REPLICAOF", "NO", "ONE")
        back_s = await storm.seconds_until_well()
    judge(storm, "replica turned read-only", back_s)


async def test_a_script_that_blocks_the_server_parks_nobody(server: Server) -> None:
    await server.ask("CONFIG", "SET", "busy-reply-threshold", 100)
    async with storm_at(server.url) as storm:
        blocking = asyncio.ensure_future(server.ask("EVAL", "while true do end", 0))
        await storm.until_degraded()
        await asyncio.sleep(0.3)  # until it says BUSY instead of nothing
        await server.ask("SCRIPT", "KILL")
        back_s = await storm.seconds_until_well()
        with contextlib.suppress(RedisError):
            await blocking
    judge(storm, "BUSY with another's script", back_s)


@pytest.mark.parametrize("kind", STORES)
async def test_a_failover_under_load_ends_with_the_new_master(kind: str, tmp_path: Path) -> None:
    binary = binary_of(kind)
    master = Server(binary, tmp_path)
    replica = Server(binary, tmp_path, "--replicaof", f"{HOST} {master.port}")
    sentinel = Sentinel(binary, tmp_path, master)
    try:
        await master.start()
        await replica.start()
        await eventually(lambda: _is_in_sync(replica))
        await sentinel.start()
        await eventually(lambda: _knows_the_replica(sentinel))
        async with storm_at(f"redis+sentinel://{HOST}:{sentinel.port}/shop") as storm:
            master.kill()
            await storm.until_degraded()
            await eventually(lambda: _names(sentinel, replica))
            back_s = await storm.seconds_until_well()
            await storm.flood()
        judge(storm, "Sentinel failover", back_s)
    finally:
        for server in (sentinel, master, replica):
            server.stop()


async def test_a_slot_that_moves_under_load_disturbs_nobody(tmp_path: Path) -> None:
    options = ("--cluster-enabled", "yes")
    nodes = [Server(binary_of("valkey"), tmp_path, *options) for _ in range(3)]
    try:
        for node in nodes:
            await node.start()
        await make_cluster(nodes)
        slot = int(await nodes[0].ask("CLUSTER", "KEYSLOT", "{ip:203.0.113.7}"))
        source = nodes[min(2, slot // (16_384 // 3))]
        target = next(node for node in nodes if node is not source)
        async with storm_at(f"redis+cluster://{HOST}:{nodes[0].port}") as storm:
            await target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", await node_id(source))
            await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", await node_id(target))
            while keys := await source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1):
                await source.ask("MIGRATE", HOST, target.port, keys[0].decode(), 0, 1_000)
                await asyncio.sleep(0.05)
            for node in (target, source, *nodes):
                await node.ask("CLUSTER", "SETSLOT", slot, "NODE", await node_id(target))
            back_s = await storm.seconds_until_well()
        judge(storm, "Cluster, slot moved", back_s)
        assert _share_degraded(storm) < 0.05
    finally:
        for node in nodes:
            node.stop()


def _share_degraded(storm: Storm) -> float:
    return sum(answer.degraded for answer in storm.answers) / len(storm.answers)


async def _is_in_sync(replica: Server) -> bool:
    info: bytes | dict[str, object] = await replica.ask("INFO", "replication")
    text = info.decode() if isinstance(info, bytes) else str(info)
    return "master_link_status:up" in text or "'master_link_status': 'up'" in text


async def _names(sentinel: Server, server: Server) -> bool:
    """Whether the sentinel says that this is the master, and that it is up."""
    found = await sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shop")
    return bool(int(found[1]) == server.port and await _is_master(server))


async def _is_master(server: Server) -> bool:
    role = await server.ask("ROLE")
    return bool(role[0] == b"master")


async def _knows_the_replica(sentinel: Server) -> bool:
    return bool(await sentinel.ask("SENTINEL", "REPLICAS", "shop"))


async def test_eight_processes_know_their_part_while_the_store_is_away(server: Server) -> None:
    """Each counts an eighth of the limit alone, once the store has told that they are eight."""
    storms = [storm_at(server.url) for _ in range(8)]
    for storm in storms:
        await storm.ask_once("/sale")
    await storms[0].until(lambda: all(s.counters.census.processes == 8 for s in storms))
    server.kill()
    admitted = 0
    for storm in storms:
        for _ in range(LIMIT):
            [decision] = await storm.engine.evaluate([request("/sale")], budget_s=1)
            assert decision.degraded == ("store",)
            admitted += decision.verdict is Verdict.ALLOW
        await storm.engine.close()
    assert admitted == 8 * (LIMIT // 8)
