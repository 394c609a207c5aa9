"""What operators rely on, at the real service: reloads, health, pages."""

import signal
from http import HTTPStatus
from pathlib import Path

import msgspec
from grpc_health.v1 import health_pb2

from riskengine.v1 import riskengine_pb2 as pb
from tests.edge.real_service import HERE, LIMITS, a_request, real_service
from tests.edge.service_process import channel_to, free_port, get, rules_health, stub_of

BLOCKED = """
blocklists:
  - {id: bad, description: bad networks, networks: [203.0.113.0/24], verdict: deny}
"""


async def decide(address: str) -> pb.Decision:
    async with channel_to(address) as channel:
        decision: pb.Decision = await stub_of(channel).Evaluate(a_request(HERE), timeout=5)
        return decision


async def test_edited_rules_decide_soon_and_broken_ones_never(tmp_path: Path) -> None:
    port = free_port()
    async with real_service(tmp_path, "--metrics-listen", f"127.0.0.1:{port}") as service:
        address = await service.address()
        first = await decide(address)
        assert (first.verdict, first.stage) == (pb.VERDICT_ALLOW, "")

        (tmp_path / "rules" / "addresses.yaml").write_text(BLOCKED)
        await service.log("rules reloaded")
        second = await decide(address)
        assert (second.verdict, second.rule_id) == (pb.VERDICT_DENY, "bad")
        assert second.ruleset_revision != first.ruleset_revision

        limits = tmp_path / "rules" / "limits.yaml"
        limits.write_text(LIMITS.replace("limit: 100,", "limit: many,"))
        told = await service.log("rules do not load, the last good ones decide on")
        assert len(told["mistakes"]) == 1
        assert told["mistakes"][0].startswith(f"{limits}:")
        assert (await decide(address)).ruleset_revision == second.ruleset_revision
        assert await rules_health(address) == health_pb2.HealthCheckResponse.NOT_SERVING
        status, page = await get(port, "/healthz")
        assert status == HTTPStatus.OK, "old rules are better than no service"
        [worker] = msgspec.json.decode(page)["workers"]
        assert worker["rules_problem"] == told["mistakes"][0]

        limits.write_text(LIMITS)
        await service.log("rules reloaded")
        assert await rules_health(address) == health_pb2.HealthCheckResponse.SERVING
        assert (await decide(address)).ruleset_revision == second.ruleset_revision
        assert "Traceback" not in service.errors


async def test_sighup_reads_the_rules_again(tmp_path: Path) -> None:
    async with real_service(tmp_path, "--store", "memory") as service:
        await service.address()
        service.process.send_signal(signal.SIGHUP)
        await service.log("rules reloaded")
        assert await service.stop() == 0


async def test_metrics_page_counts_decisions_reloads_and_workers(tmp_path: Path) -> None:
    port = free_port()
    async with real_service(tmp_path, "--metrics-listen", f"127.0.0.1:{port}") as service:
        await decide(await service.address())
        status, page = await get(port, "/metrics")
        assert status == HTTPStatus.OK
        lines = page.splitlines()
        allowed = [line for line in lines if line.startswith("riskengine_decisions_total{")]
        assert len(allowed) == 1
        assert 'verdict="allow"' in allowed[0]
        assert allowed[0].endswith(" 1.0")
        assert "riskengine_workers 1" in page
        assert page.count("# TYPE riskengine_decisions_total counter") == 1


async def test_an_edited_core_rule_set_outside_the_rules_decides_soon(tmp_path: Path) -> None:
    crs = tmp_path / "crs" / "rules"
    crs.mkdir(parents=True)
    rule = 'SecRule REQUEST_URI "@contains {}" "id:1,phase:1,deny,t:none"\n'
    (crs / "REQUEST-942.conf").write_text(rule.format("nowhere"))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "signatures.yaml").write_text(
        f"sets:\n  - {{id: crs, description: The CRS., crs: {tmp_path / 'crs'}}}\n"
    )
    async with real_service(tmp_path, "--store", "memory") as service:
        address = await service.address()
        first = await decide(address)
        assert first.verdict == pb.VERDICT_ALLOW

        (crs / "REQUEST-942.conf").write_text(rule.format("/"))
        await service.log("rules reloaded")
        second = await decide(address)
        assert (second.verdict, second.rule_id) == (pb.VERDICT_DENY, "crs")
        assert second.ruleset_revision != first.ruleset_revision

        (crs / "REQUEST-942.conf").write_text('SecRule "')
        told = await service.log("rules do not load, the last good ones decide on")
        assert told["mistakes"][0].startswith(f"{crs}/REQUEST-942.conf:1: ")
        assert (await decide(address)).rule_id == "crs"


async def test_an_edited_file_that_signatures_include_from_elsewhere_decides_soon(
    tmp_path: Path,
) -> None:
    rule = 'SecRule REQUEST_URI "@contains {}" "id:1,phase:1,deny,t:none"\n'
    (tmp_path / "apart").mkdir()
    (tmp_path / "apart" / "more.conf").write_text(rule.format("nowhere"))
    own = tmp_path / "rules" / "own"
    own.mkdir(parents=True)
    (own / "own.conf").write_text(f"Include {tmp_path}/apart/*.conf\n")
    (tmp_path / "rules" / "signatures.yaml").write_text(
        "sets:\n  - {id: ours, description: Ours., directory: own}\n"
    )
    async with real_service(tmp_path, "--store", "memory") as service:
        address = await service.address()
        assert (await decide(address)).verdict == pb.VERDICT_ALLOW
        (tmp_path / "apart" / "more.conf").write_text(rule.format("/"))
        await service.log("rules reloaded")
        assert (await decide(address)).rule_id == "ours"


async def test_a_core_rule_set_that_rules_name_later_is_watched_too(tmp_path: Path) -> None:
    crs = tmp_path / "crs" / "rules"
    crs.mkdir(parents=True)
    rule = 'SecRule REQUEST_URI "@contains {}" "id:1,phase:1,deny,t:none"\n'
    (crs / "REQUEST-942.conf").write_text(rule.format("nowhere"))
    async with real_service(tmp_path, "--store", "memory") as service:
        address = await service.address()
        (tmp_path / "rules" / "signatures.yaml").write_text(
            f"sets:\n  - {{id: crs, description: The CRS., crs: {tmp_path / 'crs'}}}\n"
        )
        await service.log("rules reloaded")
        (crs / "REQUEST-942.conf").write_text(rule.format("/"))  # maybe before it is watched
        while (await decide(address)).verdict == pb.VERDICT_ALLOW:
            await service.log("rules reloaded")
