"""Calls made of bytes: what goes out is what was given, and no connection is left half done."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from riskengine.clock import ManualClock
from riskengine.downstream.call import Fate, Judgement, Progress
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError
from riskengine.downstream.http1 import Http1Connection, Http1Connector
from riskengine.downstream.judge_http import judge_http
from tests.downstream.servers import Shop, scripted, serving

HOST = [(b"host", b"shop")]
INFORMATIONAL = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def answered(script: bytes, method: str = "GET") -> tuple[int, bytes, bool]:
    """Status, body and whether the connection may be used again, for a server's raw answer."""
    async with scripted(script) as (endpoint, _):
        connection = await Http1Connector().connect(endpoint)
        try:
            answer = await connection.send(method, "/", HOST)
            body = await answer.read()
            answer.close()
            return answer.status, body, connection.is_usable()
        finally:
            await connection.close()


async def test_connection_carries_one_call_after_the_other() -> None:
    async with serving(Shop()) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        for _ in range(3):
            answer = await connection.send("GET", "/hello", HOST)
            assert (answer.status, await answer.read()) == (200, b"hello from shop")
            answer.close()
            assert connection.is_usable()
        async with connection.request("GET", "/hello") as other:
            assert other.status == 200, "both ways may be used on one connection"
        assert connection.is_usable()
        await connection.close()
        assert not connection.is_usable()


@pytest.mark.parametrize("length", [None, 20_003])
async def test_body_that_comes_in_pieces_arrives_whole(length: int | None) -> None:
    async with serving(Shop()) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        body = pieces(b"a" * 20_000, b"", b"end") if length else pieces(b"a" * 20_000, b"end")
        answer = await connection.send("POST", "/echo", HOST, body, length=length)
        assert await answer.read() == b"a" * 20_000 + b"end"
        answer.close()
        assert connection.is_usable()
        await connection.close()


async def test_body_that_breaks_off_ends_the_call_and_the_connection() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    async with serving(Shop()) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        with pytest.raises(aiohttp.ClientConnectionError):
            await connection.send("POST", "/echo", HOST, broken(), length=8)
        assert not connection.is_usable()
        with pytest.raises(ConnectError):
            await connection.send("GET", "/hello", HOST)


async def test_cancelled_call_leaves_no_connection_behind() -> None:
    shop = Shop()
    async with serving(shop) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        call = asyncio.ensure_future(connection.send("GET", "/slow", HOST))
        await shop.until(lambda under_way: under_way == 1)
        assert not connection.is_usable(), "one call at a time"
        call.cancel()
        await asyncio.wait([call])
        assert not connection.is_usable()
        await shop.until(lambda under_way: under_way == 0)


@pytest.mark.parametrize(
    ("script", "method", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "GET", (200, b"ok", True)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", "HEAD", (200, b"", True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", (204, b"", True)),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", "GET", (304, b"", True)),
        (
            INFORMATIONAL + b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
            "GET",
            (201, b"", True),
        ),
        (
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
            "GET",
            (200, b"ok", False),
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", "GET", (200, b"until the end", False)),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", "GET", (200, b"ok", False)),
    ],
    ids=["length", "head", "204", "304", "informational", "close", "until-eof", "http10"],
)
async def test_answers_end_where_http_says(
    script: bytes, method: str, expected: tuple[int, bytes, bool]
) -> None:
    status, body, usable = await answered(script, method)
    assert (status, body) == expected[:2]
    assert usable <= expected[2]  # the server hangs up after its answer, sooner or later


@pytest.mark.parametrize(
    "script",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
    ],
    ids=["nothing", "no http", "broken header", "two framings", "cut off"],
)
async def test_what_is_no_answer_is_the_fault_of_the_service(script: bytes) -> None:
    with pytest.raises(aiohttp.ClientError) as raised:
        await answered(script)
    judgement = judge_http(ManualClock())(None, raised.value)
    assert judgement == Judgement(Fate.FAILURE, Progress.MAYBE, retryable=True)


async def test_answer_that_is_left_unread_costs_its_connection() -> None:
    async with serving(Shop()) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        answer = await connection.send("POST", "/echo", HOST, b"x" * 3_000_000)
        answer.close()
        assert not connection.is_usable()


async def test_headers_arrive_byte_by_byte_as_they_were_given() -> None:
    received = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-odd: caf\xe9\r\n\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        connection = await connected(server)
        headers = [*HOST, (b"x-odd", b"caf\xe9"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]
        answer = await connection.send("DELETE", "/a?b=%2f", headers)
        answer.close()
        await connection.close()
    assert await received == (
        b"DELETE /a?b=%2f HTTP/1.1\r\nhost: shop\r\nx-odd: caf\xe9\r\ncookie: a=1\r\ncookie: b=2"
        b"\r\ncontent-length: 0\r\n\r\n"
    )
    assert (b"x-odd", b"caf\xe9") in answer.raw_headers


@pytest.mark.parametrize("value", [b"a\r\nx-evil: 1", b"a\nb", b"a\rb"])
async def test_header_cannot_bring_a_line_of_its_own(value: bytes) -> None:
    async with serving(Shop()) as endpoint:
        connection = await Http1Connector().connect(endpoint)
        with pytest.raises(ValueError, match="CR or LF"):
            await connection.send("GET", "/", [*HOST, (b"x-a", value)])
        await connection.close()


async def connected(server: asyncio.Server) -> Http1Connection:
    port = server.sockets[0].getsockname()[1]
    return await Http1Connector().connect(Endpoint(f"127.0.0.1:{port}"))
