import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest

from riskengine.edge.http_pages import Page, serve_pages


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def hello() -> Page:
        return Page(HTTPStatus.OK, "text/plain", "grüß\n")

    async with await serve_pages("127.0.0.1", 0, {"/hello": hello}) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("head", "start", "end"),
    [
        (b"GET /hello HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n", "grüß\n".encode()),
        (b"GET /hello?x=1 HTTP/1.0\r\nhost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\n"),
        (b"GET /other HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n", b"have /hello\n"),
        (b"POST /hello HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 Method Not Allowed\r\n", b"only GET\n"),
        (b"\xff\xfe\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n", b"have /hello\n"),
        (b"GET /hello", b"", b""),
        (b"GET /" + b"x" * 20_000 + b"\r\n\r\n", b"", b""),
    ],
)
async def test_answer_to(head: bytes, start: bytes, end: bytes, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    writer.write_eof()
    try:
        answer = await reader.read()
    except ConnectionResetError:
        answer = b""
    writer.close()
    assert answer.startswith(start)
    assert answer.endswith(end)
    assert bool(answer) == bool(start)
