"""Several processes on one port: they count together, are replaced when they end, and drain."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from riskengine.errors import RulesetError
from riskengine.gateway.config import load_config
from tests.edge.service_process import free_port
from tests.gateway.backends import Backend, two_backends
from tests.gateway.gateway_process import COMMAND, GatewayProcess, accepts, gateway_process
from tests.gateway.running import config_for

EMBEDDED = {"rules": "rules", "store": "embedded", "budget": "1s"}


class Workers:
    """A gateway of two workers, and what its health and metrics say."""

    def __init__(self, process: GatewayProcess, session: aiohttp.ClientSession, admin: str) -> None:
        self.process = process
        self.session = session
        self._admin = admin

    async def get(self, path: str) -> int:
        """Status of a call over a connection of its own, so that any worker may take it."""
        headers = {"connection": "close"}
        async with self.session.get(f"{self.process.url}{path}", headers=headers) as answer:
            await answer.read()
            return answer.status

    async def health(self) -> list[dict[str, Any]]:
        async with self.session.get(f"http://{self._admin}/healthz") as answer:
            told: list[dict[str, Any]] = (await answer.json())["workers"]
            return told

    async def metrics(self) -> str:
        async with self.session.get(f"http://{self._admin}/metrics") as answer:
            return await answer.text()


@asynccontextmanager
async def two_workers(
    directory: Path, *backends: Backend, **changed: Any
) -> AsyncIterator[Workers]:
    admin = f"127.0.0.1:{free_port()}"
    wanted = {"workers": 2, "engine": EMBEDDED, "admin_listen": admin, **changed}
    async with (
        gateway_process(directory, *backends, **wanted) as process,
        aiohttp.ClientSession() as session,
    ):
        yield Workers(process, session, admin)


async def test_workers_count_limits_together_and_show_metrics_apart(tmp_path: Path) -> None:
    async with two_backends() as backends, two_workers(tmp_path, *backends) as running:
        statuses = [await running.get(f"/products/{number}") for number in range(40)]
        assert (statuses.count(200), statuses.count(429)) == (30, 10)
        page, health = await running.metrics(), await running.health()
    counts = re.findall(r'riskengine_gateway_requests_total\{worker="(.)",(.*)\} (.*)', page)
    assert sum(float(count) for _, _, count in counts) == 40
    assert {worker for worker, _, _ in counts} == {"0", "1"}, "the kernel shares connections out"
    assert "riskengine_workers 2.0" in page or "riskengine_workers 2" in page
    assert [set(worker["services"]) for worker in health] == [{"shop"}, {"shop"}]


async def test_worker_that_dies_is_replaced_while_others_serve(tmp_path: Path) -> None:
    async with two_backends() as backends, two_workers(tmp_path, *backends) as running:
        before = {worker["pid"] for worker in await running.health()}
        os.kill(min(before), signal.SIGKILL)
        after: set[int] = set()
        async with asyncio.timeout(30):
            while len(after - before) != 1 or len(after) != 2:
                after = {w["pid"] for w in await running.health() if w["serving"]}
        assert [await running.get("/page") for _ in range(20)] == [200] * 20
        assert "riskengine_worker_restarts_total 1" in await running.metrics()


async def test_requests_under_way_end_before_the_workers_do(tmp_path: Path) -> None:
    async with two_backends() as (one, _), two_workers(tmp_path, one, drain="20s") as running:
        under_way = asyncio.ensure_future(running.get("/slow"))
        await one.arrived.wait()
        running.process.stop()
        async with asyncio.timeout(20):
            while await accepts(running.process.address):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.01)
        one.gate.set()
        assert await under_way == 200
        assert await running.process.ended() == 0


async def test_access_log_of_all_workers_goes_to_standard_output(tmp_path: Path) -> None:
    async with (
        two_backends() as backends,
        two_workers(tmp_path, *backends, access_log="-") as running,
    ):
        for number in range(6):
            await running.get(f"/page/{number}")
        lines = [json.loads(await running.process.line()) for _ in range(6)]
    assert sorted(line["path"] for line in lines) == [f"/page/{number}" for number in range(6)]


async def test_rules_that_do_not_load_are_told_once_and_end_it(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    one = Backend("one")
    one.address = "127.0.0.1:1"
    path.write_text(json.dumps(config_for(one, workers=2, engine={**EMBEDDED, "rules": "nowhere"})))
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, str(path)), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 3
    told = [line for line in errors.decode().splitlines() if line.startswith("riskengine: ")]
    assert len(told) == 1
    assert "nowhere" in told[0]
    assert "Traceback" not in errors.decode()


def test_several_workers_cannot_count_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    one = Backend("one")
    one.address = "127.0.0.1:1"
    path.write_text(json.dumps(config_for(one, workers=2)))
    with pytest.raises(RulesetError, match="store memory counts in one process"):
        load_config(path)
