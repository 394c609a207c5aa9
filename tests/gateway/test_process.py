"""The command as it is run: it serves, drains, tells its health, and says what is wrong."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.edge.real_service import real_service
from tests.edge.service_process import free_port
from tests.gateway.backends import Backend, two_backends
from tests.gateway.gateway_process import accepts, gateway_process
from tests.gateway.running import gateway, write_rules


async def test_requests_under_way_end_before_the_process_does(tmp_path: Path) -> None:
    async with (
        two_backends() as (one, _),
        gateway_process(tmp_path, one, drain="20s") as running,
        aiohttp.ClientSession() as session,
    ):
        under_way = asyncio.ensure_future(session.get(f"{running.url}/slow"))
        await one.arrived.wait()
        running.stop()
        async with asyncio.timeout(20):
            while await accepts(running.address):  # noqa: ASYNC110 - another process sets no events
                await asyncio.sleep(0.01)
        one.gate.set()
        assert await (await under_way).text() == "at last"
        assert await running.ended() == 0


async def test_health_tells_endpoints_and_metrics_tell_decisions(tmp_path: Path) -> None:
    port = free_port()
    async with (
        two_backends() as (one, two),
        gateway_process(tmp_path, one, two, admin_listen=f"127.0.0.1:{port}") as running,
        aiohttp.ClientSession() as session,
    ):
        await (await session.get(running.url)).read()
        async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
            health = json.loads(await answer.read())
            assert answer.status == 200
        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            metrics = await answer.text()
    endpoints = {one.address: "well", two.address: "well"}
    shop = {"breaker": "closed", "endpoints": endpoints}
    assert health == {"status": "serving", "undecided": 0, "services": {"shop": shop}}
    assert "riskengine_decisions_total" in metrics


async def test_active_checks_take_a_dead_endpoint_out(tmp_path: Path) -> None:
    port, dead = free_port(), Backend("dead")
    await dead.start()
    await dead.stop()
    service = {"health": {"every": "100ms"}}
    admin = f"127.0.0.1:{port}"
    async with (
        two_backends() as (one, _),
        gateway_process(tmp_path, one, dead, admin_listen=admin, service=service),
        aiohttp.ClientSession() as session,
    ):
        states: dict[str, str] = {}
        async with asyncio.timeout(20):
            while states != {one.address: "well", dead.address: "away"}:
                async with session.get(f"http://{admin}/healthz") as answer:
                    states = (await answer.json())["services"]["shop"]["endpoints"]


async def test_engine_elsewhere_is_asked_over_grpc_and_told_outcomes(tmp_path: Path) -> None:
    write_rules(tmp_path)
    metrics = f"127.0.0.1:{free_port()}"
    flags = ("--store", "memory", "--spare-workers", "0", "--metrics-listen", metrics)
    async with real_service(tmp_path, *flags) as service, two_backends() as backends:
        engine = {"endpoints": [{"address": await service.address()}], "budget": "5s"}
        async with gateway(tmp_path, *backends, engine=engine) as running:
            statuses = []
            for number in range(35):
                url = f"{running.url}/products/{number}"
                async with running.session.get(url) as answer:
                    statuses.append(answer.status)
                    policy = answer.headers.get("ratelimit-policy")
            async with running.session.get(f"{running.url}/x/.env") as answer:
                assert answer.status == 403
        async with aiohttp.ClientSession() as session:
            page = await (await session.get(f"http://{metrics}/metrics")).text()
    assert statuses == [200] * 30 + [429] * 5
    assert policy == '"catalogue";q=30;w=3600'
    told = [line for line in page.splitlines() if line.startswith("riskengine_outcomes_total")]
    assert sum(float(line.rpartition(" ")[2]) for line in told) == 30


async def test_new_rules_are_taken_while_it_serves(tmp_path: Path) -> None:
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        rules = tmp_path / "rules" / "addresses.yaml"
        rules.write_text(rules.read_text().replace("203.0.113.66", "203.0.113.77"))
        headers, status = {"x-forwarded-for": "203.0.113.77"}, 0
        async with asyncio.timeout(20):
            while status != 403:
                async with running.session.get(running.url, headers=headers) as answer:
                    status = answer.status


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "riskengine: --config is missing"),
        (("--config", "nowhere.yaml"), 3, "nowhere.yaml: cannot be read: No such file"),
        (("--config", "{broken}", "--check"), 3, ':1: unknown key "lisen"'),
        (("--config", "{taken}"), 2, "riskengine: listen 127.0.0.1:"),
    ],
)
async def test_what_cannot_be_served_is_said_in_a_line(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    rest = "\nengine: {rules: rules, store: memory}\nservices: [{id: a, dns: 'localhost:1'}]\n"
    broken, taken = tmp_path / "broken.yaml", tmp_path / "taken.yaml"
    broken.write_text("lisen: 127.0.0.1:1" + rest)
    write_rules(tmp_path)
    async with two_backends() as (one, _):
        taken.write_text(f"listen: {one.address}" + rest)
        command = [argument.format(broken=broken, taken=taken) for argument in arguments]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "riskengine.cli.main", "gateway", *command),
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()
    assert said in errors.decode()
    assert "Traceback" not in errors.decode()
    assert process.returncode == code


@pytest.mark.system
async def test_curl_sees_pages_limits_and_refusals(tmp_path: Path) -> None:
    curl = shutil.which("curl")
    assert curl is not None, "curl is not installed; `make deps` installs it"

    async def fetched(url: str, *options: str) -> str:
        process = await asyncio.create_subprocess_exec(
            curl, "-sS", "-i", *options, url, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
        return told.decode()

    async with two_backends() as backends, gateway_process(tmp_path, *backends) as running:
        assert "HTTP/1.1 200 OK" in await fetched(running.url)
        assert "HTTP/1.1 403 Forbidden" in await fetched(f"{running.url}/.env")
        pages = f"{running.url}/products/[1-31]"
        told = await fetched(pages)
        assert (told.count("HTTP/1.1 200 OK"), told.count("HTTP/1.1 429 Too Many")) == (30, 1)
        upload = await fetched(f"{running.url}/echo", "-d", "x" * 50_000, "-H", "Expect:")
        assert upload.endswith("x" * 50_000)


@pytest.mark.system
@pytest.mark.slow
async def test_browser_sees_the_shop(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium is not None, "chromium is not installed; `make deps` installs it"
    async with two_backends() as (one, two), gateway_process(tmp_path, one, two) as running:
        process = await asyncio.create_subprocess_exec(
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"{running.url}/page"),
            stdout=asyncio.subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        page, _ = await asyncio.wait_for(process.communicate(), 100)
    assert "<title>Shop</title>" in page.decode()
    heads = [head for backend in (one, two) for head in backend.heads]
    [agent] = [dict(h["headers"])["user-agent"] for h in heads if h["target"] == "/page"]
    assert "HeadlessChrome" in agent
