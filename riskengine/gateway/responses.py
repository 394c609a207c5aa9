"""Answers on their way to the client: bytes as they are, the head and a short body in one piece.

aiohttp's server takes them as sent. It would make a header map of each answer, and name a type
where the service named none, and itself as the server.
"""

from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

from riskengine.downstream.http1_exchange import joined_head
from riskengine.edge.http_answer import HttpAnswer
from riskengine.gateway.hop_headers import Pairs

_CLOSE = (b"connection", b"close")
_KEEP_ALIVE = (b"connection", b"keep-alive")
_CHUNKED = (b"transfer-encoding", b"chunked")


class Sent(web.StreamResponse):
    """Tells aiohttp that the answer was sent, and whether its connection goes on."""

    def __init__(self, status: int, *, keep_alive: bool) -> None:
        super().__init__(status=status)
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Nothing: it was sent."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: it was sent."""


class Answering:
    """One answer: a head, then pieces of a body where there is one."""

    def __init__(
        self,
        request: web.BaseRequest,
        status: int,
        headers: Pairs,
        reason: str,
        *,
        close: bool = False,
    ) -> None:
        """`headers` tell the body's length, or it goes out in chunks (to HTTP/1.0: until the end).

        `close` ends the connection after it.
        """
        self._writer: AbstractStreamWriter = request.writer
        old = request.version < (1, 1)
        self.bodiless = request.method == "HEAD" or status in (204, 304) or status < 200
        unknown = not self.bodiless and all(name != b"content-length" for name, _ in headers)
        self._chunked = unknown and not old
        keep_alive = request.keep_alive and not close and not (unknown and old)
        self.sent = Sent(status, keep_alive=keep_alive)
        own = [_CHUNKED] if self._chunked else []
        if all(name != b"date" for name, _ in headers):
            own.append((b"date", rfc822_formatted_time().encode()))
        if status >= 200 and keep_alive == old:
            own.append(_KEEP_ALIVE if keep_alive else _CLOSE)
        version = b"1.0" if old else b"1.1"
        line = b"HTTP/%b %d %b" % (version, status, reason.encode("utf-8", "surrogateescape"))
        if status < 200 or status == 204:  # RFC 9110 §8.6
            headers = [pair for pair in headers if pair[0] != b"content-length"]
        self.head = joined_head([line, *[name + b": " + value for name, value in [*headers, *own]]])

    async def write_whole(self, body: bytes) -> None:
        """All of it at once."""
        await self._writer.write(self.head if self.bodiless else self.head + body)

    async def begin(self) -> None:
        """The head; the body follows."""
        await self._writer.write(self.head)

    async def write(self, piece: bytes) -> None:
        """A piece of the body, at the pace of the client."""
        if piece:
            await self._writer.write(
                b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece
            )

    async def end(self) -> None:
        """The body is whole."""
        if self._chunked:
            await self._writer.write(b"0\r\n\r\n")


async def send(request: web.BaseRequest, answer: HttpAnswer, *, close: bool = False) -> Sent:
    """Send an answer of our own; what the client still sends of its body is not waited for."""
    body = answer.body.encode()
    headers = [*as_bytes(answer.headers), (b"content-length", b"%d" % len(body))]
    close = close or not request.content.at_eof()
    answering = Answering(
        request, answer.status, headers, HTTPStatus(answer.status).phrase, close=close
    )
    await answering.write_whole(body)
    return answering.sent


def as_bytes(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Headers of our own as they go on the wire."""
    return [(name.encode(), value.encode()) for name, value in headers]
