"""A real Envoy, the documented configuration, the real service and a shop behind it all."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from riskengine.demo.envoy import tell_story
from riskengine.demo.envoy_process import RunningEnvoy, envoy_binary, running_envoy
from riskengine.demo.service import running_service
from riskengine.demo.shop import Shop, running_shop
from riskengine.demo.visitor import Visitor
from riskengine.edge.ext_authz import SERVICE
from riskengine.edge.grpc_server import GrpcServer
from riskengine.edge.health import Health
from riskengine.edge.method_table import Call, MethodTable, Unary
from riskengine.errors import OverloadedError
from riskengine.settings import Settings
from tests.edge.shop_rules import write_shop_rules

CONFIG = Path("deploy/envoy/envoy.yaml")
CLOSED = {"failure_mode_allow": False, "status_on_error": {"code": "ServiceUnavailable"}}
GUESS = "guess"
OPEN = {"failure_mode_allow": True}

pytestmark = pytest.mark.slow


class Street(NamedTuple):
    shop: Shop
    envoy: RunningEnvoy

    def visitor(self, address: str = "127.0.0.2") -> Visitor:
        return Visitor(address, self.envoy.port)


@asynccontextmanager
async def street(rules: Path, *more: str) -> AsyncIterator[Street]:
    """Everything that stands between a visitor and the shop, with rules that fit on a page."""
    flags = ("--store", "embedded", "--rules", str(write_shop_rules(rules)), *more)
    with running_shop() as shop:
        async with (
            running_service(*flags) as service,
            running_envoy(
                CONFIG,
                engine_port=int(service.target.rpartition(":")[2]),
                shop_port=shop.server_port,
            ) as envoy,
        ):
            yield Street(shop, envoy)


@asynccontextmanager
async def street_of(check: Unary, ext_authz: dict[str, Any]) -> AsyncIterator[Street]:
    """The same with `check` in place of the engine's method."""
    health = Health()
    table = MethodTable(unary={f"/{SERVICE}/Check": check}) | health.methods()
    server = GrpcServer(table, Settings(listen="127.0.0.1:0"))
    port = await server.start()
    health.set_all(True)
    with running_shop() as shop:
        async with running_envoy(
            CONFIG, engine_port=port, shop_port=shop.server_port, ext_authz=ext_authz
        ) as envoy:
            yield Street(shop, envoy)
    health.close()
    await server.drain(0)


async def test_allow_deny_and_throttle_reach_the_visitor_and_all_counts_agree(
    tmp_path: Path,
) -> None:
    async with street(tmp_path) as place:
        visitor = place.visitor()
        assert (await visitor.get("/products/7?x=1")).status == 200

        denied = await visitor.get("/static/..%2f.env")
        assert denied.status == 403
        assert denied.headers["content-type"] == "application/problem+json"
        assert "secrets" not in str(denied)
        assert (await place.visitor("127.0.0.66").get("/")).status == 403

        logins = [await visitor.post_form("/login", user="a", password=GUESS) for _ in range(3)]
        assert [login.status for login in logins] == [200, 200, 429]
        throttled = logins[2]
        assert throttled.headers["x-envoy-ratelimited"] == "true"
        assert throttled.headers["ratelimit-policy"] == '"two-logins";q=2;w=2'
        assert json.loads(throttled.body)["violated-policies"] == ["two-logins"]
        await asyncio.sleep(int(throttled.headers["retry-after"]))
        assert (await visitor.post_form("/login", user="a", password=GUESS)).status == 200

        stats = await place.envoy.ext_authz_stats()
        assert (stats["ok"], stats["denied"], stats["error"]) == (4, 3, 0)
        assert stats["ignored_dynamic_metadata"] == stats["invalid"] == 0
        assert sum(place.shop.served.values()) == 4
        log = await place.envoy.access_log(7)
    assert [line["verdict"] for line in log] == [
        *("allow", "deny", "deny", "allow", "allow", "throttle", "allow"),
    ]
    assert [line["rule_id"] for line in log if line["rule_id"]] == [
        *("secrets", "blocked", "two-logins"),
    ]
    assert len({line["decision_id"] for line in log}) == 7
    assert {line["client"] for line in log} == {"127.0.0.2", "127.0.0.66"}


async def test_visitor_cannot_name_another_address(tmp_path: Path) -> None:
    trusting = ("--trusted-peers", "127.0.0.0/8", "--trusted-proxies", "127.0.0.9")
    async with street(tmp_path, *trusting) as place:
        blocked = place.visitor("127.0.0.66")
        for header in ("x_client_ip", "x_forwarded_for"):
            assert (await blocked.get("/", **{header: "127.0.0.2"})).status == 403


async def test_visitor_behind_a_trusted_proxy_is_judged_by_his_own_address(tmp_path: Path) -> None:
    async with street(tmp_path, "--trusted-proxies", "127.0.0.9") as place:
        proxy, stranger = place.visitor("127.0.0.9"), place.visitor("127.0.0.10")
        forwarded = "127.0.0.2, 127.0.0.66"
        assert (await proxy.get("/", x_forwarded_for=forwarded)).status == 403
        assert (await proxy.get("/", x_forwarded_for="127.0.0.66, 127.0.0.2")).status == 200
        assert (await stranger.get("/", x_forwarded_for=forwarded)).status == 200


async def test_probe_of_the_load_balancer_is_not_asked_about(tmp_path: Path) -> None:
    async with street(tmp_path) as place:
        assert (await place.visitor("127.0.0.66").get("/healthz")).status == 200
        assert (await place.envoy.ext_authz_stats())["denied"] == 0


@pytest.mark.parametrize(("mode", "status"), [(OPEN, 200), (CLOSED, 503)], ids=["open", "closed"])
async def test_engine_that_is_gone_leaves_it_to_the_failure_mode(
    tmp_path: Path, mode: dict[str, Any], status: int
) -> None:
    with running_shop() as shop:
        flags = ("--store", "memory", "--rules", str(write_shop_rules(tmp_path)))
        async with running_service(*flags) as service:
            port = int(service.target.rpartition(":")[2])
        async with running_envoy(
            CONFIG, engine_port=port, shop_port=shop.server_port, ext_authz=mode
        ) as envoy:
            assert (await Visitor("127.0.0.2", envoy.port).get("/")).status == status
            stats = await envoy.ext_authz_stats()
    assert (stats["ok"], stats["denied"], stats["error"]) == (0, 0, 1)
    assert stats["failure_mode_allowed"] == shop.unchecked == (status == 200)


@pytest.mark.parametrize(("mode", "status"), [(OPEN, 200), (CLOSED, 503)], ids=["open", "closed"])
async def test_engine_that_cannot_decide_leaves_it_to_the_failure_mode(
    mode: dict[str, Any], status: int
) -> None:
    async def overloaded(message: bytes, call: Call) -> bytes:
        raise OverloadedError("too much to do")

    async with street_of(overloaded, mode) as place:
        assert (await place.visitor().get("/")).status == status
        assert (await place.envoy.ext_authz_stats())["error"] == 1


async def test_envoy_waits_no_longer_than_its_timeout_and_says_so_in_the_deadline() -> None:
    budgets: list[float] = []

    async def stalled(message: bytes, call: Call) -> bytes:
        budgets.append(call.budget_s)
        await asyncio.Event().wait()
        return b""

    async with street_of(stalled, OPEN) as place, asyncio.timeout(5):
        assert (await place.visitor().get("/")).status == 200
        assert place.shop.unchecked == 1
    assert 0.05 < budgets[0] <= 0.2


async def test_demo_ends_well() -> None:
    ending = await tell_story(CONFIG, rules=Path("rules"), models=Path("models"), wait=False)
    assert ending.surprises == []
    assert all(count.agrees for count in ending.counts), ending.counts
    assert {answer.status for answer in ending.visitors["scanner"]} == {403}
    assert ending.visitors["hammer"][-1].status == 429


def test_documented_configuration_is_valid() -> None:
    command = [envoy_binary(), "--mode", "validate", "--log-level", "warning", "-c", CONFIG]
    checked = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.strip() == f"configuration '{CONFIG}' OK"
    assert "deprecated" not in checked.stderr
