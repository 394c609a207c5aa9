"""Connections to real servers: what is open, what is usable, and how what goes wrong is read."""

import asyncio
import random
import socket
from pathlib import Path

import grpc
import pytest

from riskengine.clock import ManualClock, SystemClock
from riskengine.downstream.call import Fate, Judgement, Progress
from riskengine.downstream.client import Client
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError
from riskengine.downstream.grpc_channel import GrpcConnection, GrpcConnector
from riskengine.downstream.http1 import Http1Connection, Http1Connector
from riskengine.downstream.judge_grpc import judge_grpc
from riskengine.downstream.judge_http import judge_http
from riskengine.downstream.pool_limits import PoolLimits
from tests.downstream.servers import Echo, Shop, grpc_serving, scripted, serving

JUDGE = judge_http(ManualClock())


def unused_endpoint() -> Endpoint:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return Endpoint(f"127.0.0.1:{sock.getsockname()[1]}")


async def get(connection: Http1Connection, path: str = "/hello") -> str:
    async with connection.request("GET", path) as answer:
        return await answer.text()


async def test_http1_connection_is_open_before_the_first_call_and_kept_after_it() -> None:
    shop = Shop()
    async with serving(shop) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        assert connection.is_usable()
        for _ in range(3):
            assert await get(connection) == f"hello from {endpoint.address}"
            assert connection.is_usable()
        await connection.close()
        assert not connection.is_usable()


async def test_http1_reaches_a_socket_of_the_file_system(tmp_path: Path) -> None:
    async with serving(Shop(), unix=str(tmp_path / "shop.sock")) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        assert await get(connection) == "hello from localhost"
        await connection.close()


async def test_path_is_sent_as_it_stands_and_never_names_another_host() -> None:
    shop = Shop()
    async with serving(shop) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        await get(connection, "//evil.example/a%2Fb?q=%41&r")
        assert shop.paths == ["//evil.example/a%2Fb?q=%41&r"]
        with pytest.raises(ValueError, match="path: must begin with /"):
            connection.request("GET", "http://evil.example/")
        await connection.close()


async def test_connection_whose_answer_was_left_half_read_is_not_used_again() -> None:
    async with serving(Shop()) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        body = b"x" * 4_000_000
        async with connection.request("POST", "/echo", data=body) as answer:
            await answer.content.read(10)
        assert not connection.is_usable()
        await connection.close()


async def test_connection_closed_by_the_server_is_noticed_without_a_call() -> None:
    async with scripted(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") as (endpoint, _):
        connection = await Http1Connector().connect(endpoint)
        assert await get(connection) == "ok"
        for _ in range(100):
            if not connection.is_usable():
                break
            await asyncio.sleep(0.01)
        assert not connection.is_usable()
        with pytest.raises(ConnectError, match="closed before the call"):
            await get(connection)
        await connection.close()


@pytest.mark.parametrize("connector", [Http1Connector(), GrpcConnector()])
async def test_refused_connection_is_a_connect_error(
    connector: Http1Connector | GrpcConnector,
) -> None:
    endpoint = unused_endpoint()
    with pytest.raises(ConnectError, match=endpoint.address):
        await connector.connect(endpoint)


async def test_answer_cut_midway_is_the_endpoints_fault_and_may_have_been_done() -> None:
    cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"
    for answer in (cut, b""):
        async with scripted(answer) as (endpoint, accepted):
            connection = await Http1Connector().connect(endpoint)
            with pytest.raises(Exception) as caught:  # noqa: PT011 - what it is read as is the point
                await get(connection)
            judged = JUDGE(None, caught.value)
            assert judged == Judgement(Fate.FAILURE, Progress.MAYBE, retryable=True)
            assert not connection.is_usable()
            await connection.close()
            assert accepted == [1], "the call was not made twice"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Judgement(Fate.SUCCESS, Progress.ANSWERED)),
        (404, Judgement(Fate.IGNORED, Progress.ANSWERED, False, 3)),
        (429, Judgement(Fate.IGNORED, Progress.ANSWERED, True, 3)),
        (500, Judgement(Fate.FAILURE, Progress.ANSWERED, False, 3)),
        (503, Judgement(Fate.FAILURE, Progress.ANSWERED, True, 3)),
    ],
)
async def test_statuses_are_read(status: int, expected: Judgement) -> None:
    async with serving(Shop()) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        async with connection.request("GET", f"/status/{status}") as answer:
            await answer.read()
            assert JUDGE(answer, None) == expected
        await connection.close()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectError("refused"), Judgement(Fate.FAILURE, Progress.NOT_SENT, retryable=True)),
        (TimeoutError(), Judgement(Fate.FAILURE, Progress.MAYBE)),
        (ConnectionResetError(), Judgement(Fate.FAILURE, Progress.MAYBE, retryable=True)),
        (asyncio.CancelledError(), Judgement(Fate.IGNORED, Progress.MAYBE)),
        (KeyError("a bug of the caller"), Judgement(Fate.IGNORED, Progress.MAYBE)),
    ],
)
def test_errors_are_read(error: BaseException, expected: Judgement) -> None:
    assert JUDGE(None, error) == expected
    assert judge_grpc(None, error) == expected


async def echo(connection: GrpcConnection, method: str, request: bytes) -> bytes:
    method_of = connection.channel.unary_unary
    answer: bytes = await method_of(f"/shop/{method}", None, None)(request, timeout=5)
    return answer


async def test_each_grpc_channel_is_a_connection_of_its_own() -> None:
    server = Echo()
    async with grpc_serving(server) as endpoint:
        connections = [await GrpcConnector().connect(endpoint) for _ in range(3)]
        for connection in connections:
            assert await echo(connection, "Echo", b"x") == b"x"
        assert len(server.peers) == 3
        for connection in connections:
            await connection.close()
            assert not connection.is_usable()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UNAVAILABLE", Judgement(Fate.FAILURE, Progress.MAYBE, True, 0.25)),
        ("INTERNAL", Judgement(Fate.FAILURE, Progress.ANSWERED, False, 0.25)),
        ("INVALID_ARGUMENT", Judgement(Fate.IGNORED, Progress.ANSWERED, False, 0.25)),
        ("RESOURCE_EXHAUSTED", Judgement(Fate.IGNORED, Progress.ANSWERED, True, 0.25)),
    ],
)
async def test_grpc_codes_and_pushback_are_read(code: str, expected: Judgement) -> None:
    async with grpc_serving(Echo()) as endpoint:
        connection = await GrpcConnector().connect(endpoint)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await echo(connection, "Fail", code.encode())
        assert judge_grpc(None, caught.value) == expected
        await connection.close()


async def test_ten_thousand_cancelled_calls_to_a_real_server_leave_nothing_behind() -> None:
    """Cancelled while the server works on it, while it waits for a connection, or opens one."""
    shop = Shop()
    parts = ClientParts(limits=PoolLimits(connections_min=2, connections_max=20), judge=JUDGE)
    async with serving(shop) as endpoint:
        client = Client(Http1Connector(), parts, clock=SystemClock(), rng=random.Random(1))
        await client.update([endpoint])
        for _ in range(50):
            calls = [
                asyncio.ensure_future(client.call(lambda c: get(c, "/slow"), timeout_s=60))
                for _ in range(200)
            ]
            await shop.until(lambda calls: calls >= 15)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await shop.until(lambda calls: calls == 0)
        assert client.in_flight.count(endpoint) == 0
        answers = await asyncio.gather(*(client.call(get, timeout_s=30) for _ in range(100)))
        assert set(answers) == {f"hello from {endpoint.address}"}
        await client.close()
        assert "open=0 idle=0 calls=0 opening=0 closing=0 waiting=0" in repr(client)
