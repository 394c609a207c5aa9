"""Bans of the real service: set by a rule or by hand, seen by every worker, lifted by a command."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from riskengine.v1 import riskengine_pb2 as pb
from tests.edge.real_service import real_service, store_of
from tests.edge.service_process import ServiceProcess, channel_to, free_port, get, stub_of

LIMITS = """
limits:
  - {id: login, description: x, match: {paths: [/login]}, key: [ip], limit: 1, window: 1h,
     ban_for: 1h}
"""
ADDRESSES = """
lists:
  - {id: old, file: old.txt, max_age: 1d}
blocklists:
  - {id: bad, description: x, lists: [old]}
"""


def store_url(service: ServiceProcess) -> str:
    """The server shows its socket as its title."""
    title = Path(f"/proc/{store_of(service)}/cmdline").read_text()
    return "unix://" + title.partition("unixsocket:")[2].strip("\0 ")


async def command(*words: str) -> str:
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "riskengine.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr


async def reasons(address: str, client: str, path: str = "/", asked: int = 8) -> set[str]:
    """Reasons of decisions over connections of their own, so that every worker is asked."""
    found = set()
    for _ in range(asked):
        async with channel_to(address) as channel:
            request = pb.EvaluateRequest(
                client_ip=client, method="GET", path=path, host="a.example"
            )
            found.add((await stub_of(channel).Evaluate(request, timeout=5)).reason)
    return found


async def settled(address: str, client: str, reason: str) -> None:
    async with asyncio.timeout(10):
        while await reasons(address, client) != {reason}:  # noqa: ASYNC110 - other processes set no events
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_ban_reaches_every_worker_and_is_lifted_by_one_command(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "limits.yaml").write_text(LIMITS)
    async with real_service(tmp_path, "--workers", "2", "--dns-servers", "none") as service:
        address = await service.address()
        store = ("--store", store_url(service))
        told = await reasons(address, "203.0.113.7", "/login", asked=3)
        assert "rate_limit.exceeded" in told
        await settled(address, "203.0.113.7", "address.banned")
        assert "rule:login" in await command("bans", "list", *store)
        shown = await command(
            "lists", "show", "203.0.113.7", "--rules", str(tmp_path / "rules"), *store
        )
        assert "203.0.113.7 banned: 203.0.113.7/32 on a.example, by rule:login" in shown
        assert "lifted 1 ban" in await command("bans", "lift", "203.0.113.7", *store)
        await settled(address, "203.0.113.7", "ok")
        added = await command(
            "bans",
            "add",
            "203.0.113.0/24",
            "--for",
            "1h",
            "--reason",
            "x",
            "--author",
            "ada",
            *store,
        )
        assert "banned 203.0.113.0/24 on all hosts until" in added
        await settled(address, "203.0.113.99", "address.banned")


async def test_a_stale_list_is_an_alarm_in_health_and_metrics(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "addresses.yaml").write_text(ADDRESSES)
    (rules / "old.txt").write_text("192.0.2.1\n")
    os.utime(rules / "old.txt", (0, 0))
    port = free_port()
    async with real_service(
        tmp_path, "--metrics-listen", f"127.0.0.1:{port}", "--dns-servers", "none"
    ) as service:
        address = await service.address()
        assert '"stale_lists":["old"]' in (await get(port, "/healthz"))[1]
        metrics = (await get(port, "/metrics"))[1]
        assert 'riskengine_list_stale{worker="0",list="old"} 1.0' in metrics
        assert await _lists_health(address) == 2
        os.utime(rules / "old.txt")
        async with asyncio.timeout(10):
            while await _lists_health(address) != 1:  # noqa: ASYNC110 - other processes set no events
                await asyncio.sleep(0.05)


async def _lists_health(address: str) -> int:
    async with channel_to(address) as channel:
        check: Any = health_pb2_grpc.HealthStub(channel).Check
        answer = await check(health_pb2.HealthCheckRequest(service="lists"), timeout=5)
        return int(answer.status)
