import asyncio
import os
import signal
import socket
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from riskengine.v1 import riskengine_pb2 as pb
from tests.edge.service_process import (
    ServiceProcess,
    channel_to,
    children_of,
    free_port,
    get,
    rules_health,
    runs,
    stub_of,
    until,
)

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def a_request(path: str = "/") -> pb.EvaluateRequest:
    return pb.EvaluateRequest(client_ip="203.0.113.7", method="GET", path=path)


async def evaluate(address: str, path: str = "/") -> pb.Decision:
    async with channel_to(address) as channel:
        answer: pb.Decision = await stub_of(channel).Evaluate(
            a_request(path), wait_for_ready=True, timeout=20
        )
        return answer


async def test_port_0_is_announced_served_and_given_back(tmp_path: Path) -> None:
    async with ServiceProcess([f"rules={tmp_path}"]) as service:
        address = await service.address()
        assert (await evaluate(address)).verdict == pb.VERDICT_ALLOW
        workers = children_of(service.pid)
        assert await service.stop() == 0
        assert not any(runs(pid) for pid in workers)
        assert "Traceback" not in await service.all_errors()


async def test_address_in_use_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        async with ServiceProcess([f"listen={listen}", f"rules={tmp_path}"]) as service:
            errors = await service.all_errors()
    assert f"SettingsError: --listen {listen}: Address already in use" in errors


async def test_killed_worker_is_replaced_while_the_others_serve(tmp_path: Path) -> None:
    arguments = [f"rules={tmp_path}", "store=redis://unused", "workers=2"]
    async with ServiceProcess(arguments) as service:
        address = await service.address()
        await until(lambda: len(children_of(service.pid)) == 3, within_s=5)  # one is a spare
        victim = min(children_of(service.pid))
        os.kill(victim, signal.SIGKILL)
        assert (await service.log("worker ended, replacing it"))["code"] == -signal.SIGKILL
        assert (await evaluate(address)).verdict == pb.VERDICT_ALLOW
        await until(lambda: len(children_of(service.pid) - {victim}) == 3, within_s=5)
        assert await service.stop() == 0


async def test_only_worker_is_replaced_and_serves_again(tmp_path: Path) -> None:
    async with ServiceProcess([f"rules={tmp_path}"]) as service:
        address = await service.address()
        victim = min(children_of(service.pid))
        os.kill(victim, signal.SIGKILL)
        assert (await evaluate(address)).verdict == pb.VERDICT_ALLOW
        assert victim not in children_of(service.pid)


async def test_drain_says_not_serving_first_and_keeps_calls_in_flight(tmp_path: Path) -> None:
    async with ServiceProcess([f"rules={tmp_path}"]) as service:
        address = await service.address()
        async with channel_to(address) as channel:
            watch: Any = health_pb2_grpc.HealthStub(channel).Watch
            health = watch(health_pb2.HealthCheckRequest())
            assert (await health.read()).status == health_pb2.HealthCheckResponse.SERVING
            service.process.send_signal(signal.SIGTERM)
            assert (await health.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            decision = await stub_of(channel).Evaluate(a_request("/slow"), timeout=5)
            assert decision.verdict == pb.VERDICT_ALLOW
        assert await asyncio.wait_for(service.process.wait(), 10) == 0
        assert "Traceback" not in await service.all_errors()


async def test_service_that_is_stopped_while_it_starts_ends_soon(tmp_path: Path) -> None:
    async with ServiceProcess([f"rules={tmp_path}", "drain_s=600"]) as service:
        await until(lambda: children_of(service.pid), within_s=10)
        assert await service.stop() == 0


async def test_signal_sent_twice_at_once_is_one(tmp_path: Path) -> None:
    async with ServiceProcess([f"rules={tmp_path}"]) as service:
        async with channel_to(await service.address()) as channel:
            slow = asyncio.ensure_future(stub_of(channel).Evaluate(a_request("/slow"), timeout=5))
            await channel.channel_ready()
            service.process.send_signal(signal.SIGTERM)
            service.process.send_signal(signal.SIGINT)
            assert (await slow).verdict == pb.VERDICT_ALLOW
        assert await asyncio.wait_for(service.process.wait(), 10) == 0


async def test_second_signal_ends_at_once(tmp_path: Path) -> None:
    async with ServiceProcess([f"rules={tmp_path}", "drain_s=600"]) as service:
        async with channel_to(await service.address()) as channel:
            stub = stub_of(channel)
            watching = stub.EvaluateStream()
            await watching.write(pb.EvaluateBatchRequest(requests=[a_request("/slow")] * 2))
            service.process.send_signal(signal.SIGINT)
            await service.log("draining")
            await asyncio.sleep(0.3)  # signals less than 0.2 s apart count as one
            assert await service.stop(signal.SIGINT) == 1
        assert "ended at once, calls in flight were cut" in await service.all_errors()


async def test_killed_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    arguments = [f"rules={tmp_path}", "store=embedded", "workers=2"]
    async with ServiceProcess(arguments) as service:
        await service.address()
        # The store, two workers and a spare.
        await until(lambda: len(children_of(service.pid)) == 4, within_s=5)
        children = children_of(service.pid)
        service.process.kill()
        await until(lambda: not any(runs(pid) for pid in children), within_s=5)


async def test_rules_that_do_not_load_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("broken")
    arguments = [f"rules={tmp_path}", "store=redis://unused", "workers=2"]
    async with ServiceProcess(arguments) as service:
        errors = await service.all_errors()
        assert await service.process.wait() == 3
    rules = tmp_path / "small.yaml"
    assert errors.count(f"{rules}:1: must not be broken\n{rules}:2: nor so\n") == 1
    assert "Traceback" not in errors


async def test_settings_that_a_worker_cannot_use_end_the_service(tmp_path: Path) -> None:
    async with ServiceProcess([f"rules={tmp_path}", "store=redis://unusable"]) as service:
        errors = await service.all_errors()
        assert await service.process.wait() == 2
    assert "--store redis://unusable: not in tests" in errors


@pytest.mark.slow
async def test_worker_that_keeps_dying_at_start_ends_the_service(tmp_path: Path) -> None:
    async with ServiceProcess([f"rules={tmp_path}", "store=redis://crash"]) as service:
        errors = await service.all_errors()
        assert await service.process.wait() == 1
    assert errors.rstrip().endswith("worker 0 ended with exit code 1")


async def test_edited_rules_are_taken_up_and_broken_ones_are_not(tmp_path: Path) -> None:
    rules = tmp_path / "small.yaml"
    rules.write_text("first")
    port = free_port()
    arguments = [f"rules={tmp_path}", f"metrics_listen=127.0.0.1:{port}"]
    async with ServiceProcess(arguments) as service:
        address = await service.address()
        assert (await evaluate(address)).ruleset_revision == "first"

        rules.write_text("second")
        await service.log("rules reloaded")
        assert (await evaluate(address)).ruleset_revision == "second"

        rules.write_text("broken")
        told = await service.log("rules do not load, the last good ones decide on")
        assert told["mistakes"] == [f"{rules}:1: must not be broken", f"{rules}:2: nor so"]
        assert (await evaluate(address)).ruleset_revision == "second"
        assert await rules_health(address) == health_pb2.HealthCheckResponse.NOT_SERVING
        status, text = await get(port, "/healthz")
        assert status == HTTPStatus.OK
        assert "must not be broken" in msgspec.json.decode(text)["workers"][0]["rules_problem"]

        rules.write_text("third")
        await service.log("rules reloaded")
        assert await rules_health(address) == health_pb2.HealthCheckResponse.SERVING


async def test_sighup_reloads(tmp_path: Path) -> None:
    async with ServiceProcess([f"rules={tmp_path}"]) as service:
        await service.address()
        service.process.send_signal(signal.SIGHUP)
        await service.log("rules reloaded")


async def test_metrics_of_all_workers_stand_on_one_page(tmp_path: Path) -> None:
    port = free_port()
    arguments = [f"rules={tmp_path}", "store=redis://unused", "workers=2"]
    async with ServiceProcess([*arguments, f"metrics_listen=127.0.0.1:{port}"]) as service:
        await evaluate(await service.address())
        status, text = await get(port, "/metrics")
        assert status == HTTPStatus.OK
        assert text.count("# TYPE small_requests_total counter") == 1
        assert {line for line in text.splitlines() if line.startswith("small_requests_total")} in (
            {f'small_requests_total{{worker="{w}"}} {n}' for w, n in (("0", 1), ("1", 0))},
            {f'small_requests_total{{worker="{w}"}} {n}' for w, n in (("0", 0), ("1", 1))},
        )
        assert "riskengine_workers 2" in text
        assert (await get(port, "/healthz"))[0] == HTTPStatus.OK
        assert (await get(port, "/else"))[0] == HTTPStatus.NOT_FOUND
