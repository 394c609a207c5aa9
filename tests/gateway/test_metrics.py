"""The gateway's own metrics: what they count, and that each of them is documented."""

from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.edge.service_process import free_port
from tests.gateway.backends import two_backends
from tests.gateway.running import gateway

PAGE = Path(__file__).parents[2] / "docs" / "gateway.md"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def label(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


async def scraped(listen: str) -> Samples:
    async with aiohttp.ClientSession() as session, session.get(f"http://{listen}/metrics") as page:
        families = text_string_to_metric_families(await page.text())
        return {
            (sample.name.removeprefix("riskengine_gateway_"), frozenset(sample.labels.items())): (
                sample.value
            )
            for family in families
            for sample in family.samples
        }


async def test_metrics_tell_requests_pools_breaker_retries_and_ejections(tmp_path: Path) -> None:
    admin = f"127.0.0.1:{free_port()}"
    service = {"balancer": "round_robin", "ejection": {"failures_in_a_row": 1}}
    async with (
        two_backends() as (one, two),
        gateway(tmp_path, one, two, admin_listen=admin, service=service) as running,
    ):
        for _ in range(4):
            await (await running.session.get(f"{running.url}/page")).read()
        await (await running.session.get(f"{running.url}/x/.env")).read()
        dead = one.address
        await one.stop()
        for _ in range(2):
            await (await running.session.get(f"{running.url}/page")).read()
        seen = await scraped(admin)
    allowed = label(service="shop", status="200", verdict="allow")
    assert seen["requests_total", allowed] == 6
    assert seen["requests_total", label(service="shop", status="403", verdict="deny")] == 1
    assert seen["latency_seconds_count", label(service="shop")] == 7
    assert seen["latency_seconds_bucket", label(service="shop", le="+Inf")] == 7
    assert seen["engine_asks_total", label()] == 7
    assert seen["engine_failures_total", label()] == 0
    assert seen["breaker", label(service="shop", state="closed")] == 1
    assert seen["ejections_total", label(service="shop")] == 1
    assert seen["retries_total", label(service="shop", result="made")] == 1
    assert seen["endpoint_available", label(service="shop", endpoint=dead)] == 0
    idle = label(service="shop", endpoint=two.address, state="idle")
    assert seen["pool_connections", idle] >= 1
    assert seen["pool_waiting", label(service="shop", endpoint=two.address)] == 0


async def test_every_metric_is_documented(tmp_path: Path) -> None:
    admin, page = f"127.0.0.1:{free_port()}", PAGE.read_text()
    async with (
        two_backends() as backends,
        gateway(tmp_path, *backends, admin_listen=admin) as running,
        running.session.get(f"http://{admin}/metrics") as scrape,
    ):
        text = await scrape.text()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    own = {name for name in names if name.startswith("riskengine_gateway_")}
    assert len(own) >= 10
    assert not {name for name in own if f"`{name}`" not in page}
