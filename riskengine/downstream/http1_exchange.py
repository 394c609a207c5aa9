"""One HTTP/1.1 call at the price of its bytes: written as they are, answered by aiohttp's parser.

aiohttp's client makes a URL, header maps, a request, a response and a session's bookkeeping for
each call; whoever passes messages on has the bytes already (`python -m benchmarks.gateway`).
"""

import asyncio
from collections.abc import AsyncIterable, Sequence

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage, StreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from riskengine.tasks import spawn

Headers = Sequence[tuple[bytes, bytes]]
"""Names and values as they stand on the wire."""

Body = bytes | AsyncIterable[bytes]

_WITHOUT_LENGTH = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that are not expected to have a body (RFC 9110 §8.6)."""


class Http1Answer:
    """The head of an answer, and its body: `read()`, or `content` piece by piece."""

    __slots__ = ("_exchange", "content", "headers", "raw_headers", "reason", "status")

    def __init__(
        self, message: RawResponseMessage, content: StreamReader, exchange: "Exchange"
    ) -> None:
        self.status = message.code
        self.reason = message.reason
        self.headers = message.headers
        self.raw_headers = message.raw_headers
        self.content = content
        self._exchange = exchange

    @property
    def content_length(self) -> int | None:
        """Bytes of the body, where the head tells."""
        told = self.headers.get("Content-Length")
        return int(told) if told is not None and told.isdecimal() else None

    @property
    def protocol(self) -> ResponseHandler:
        """What the connection goes on with after 101 Switching Protocols."""
        return self._exchange.protocol

    async def read(self) -> bytes:
        """The whole body; aiohttp.ClientError where it breaks off."""
        return await self.content.read()

    def close(self) -> None:
        """Be done with it; what was not read or sent to its end costs the connection."""
        if not (self.content.is_eof() and self._exchange.at_rest):
            self._exchange.close()


class Exchange:
    """A request on its way and the wait for its answer, on a connection of its own."""

    def __init__(self, protocol: ResponseHandler) -> None:
        self.protocol = protocol
        self._answered = False
        self._sending: asyncio.Task[None] | None = None

    @property
    def at_rest(self) -> bool:
        """Whether the connection may be used again: all was sent, and all was read."""
        sent = self._sending is None or self._sending.done()
        return self._answered and sent and not self.protocol.should_close

    async def run(
        self, method: str, target: str, headers: Headers, body: Body, length: int | None
    ) -> Http1Answer:
        """The answer. aiohttp.ClientError where there is none; the connection is closed then."""
        head = request_head(method, target, headers, body, length)
        self.protocol.set_response_params(
            skip_payload=method == "HEAD", read_until_eof=True, auto_decompress=False
        )
        try:
            self._send(head, body, chunked=length is None)
            message, content = await self._final_head()
        except HttpProcessingError as error:
            self.close()
            raise aiohttp.ClientPayloadError(f"the answer is not HTTP: {error.message}") from error
        except BaseException:
            self.close()
            raise
        self._answered = True
        return Http1Answer(message, content, self)

    def close(self) -> None:
        """Give the connection up."""
        if self._sending is not None:
            self._sending.cancel()
        self.protocol.close()

    def _send(self, head: bytes, body: Body, *, chunked: bool) -> None:
        transport = self.protocol.transport
        if transport is None:
            raise aiohttp.ServerDisconnectedError
        if isinstance(body, bytes):
            transport.write(head + body)
            return
        transport.write(head)
        self._sending = spawn(self._send_on(body, chunked=chunked), name="request body")

    async def _send_on(self, pieces: AsyncIterable[bytes], *, chunked: bool) -> None:
        """The body as it comes, at the pace of the service."""
        writer = StreamWriter(self.protocol, asyncio.get_running_loop())
        try:
            async for piece in pieces:
                await writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                await writer.write(b"0\r\n\r\n")
        except Exception as error:  # noqa: BLE001 - the answer's reader is told, and raises it
            if not self.protocol.is_eof():
                broken = aiohttp.ClientConnectionError("the request's body broke off")
                self.protocol.set_exception(broken, error)
            self.protocol.close()

    async def _final_head(self) -> tuple[RawResponseMessage, StreamReader]:
        """The first head that is not informational (RFC 9110 §15.2)."""
        while True:
            message, content = await self.protocol.read()
            if message.code >= 200 or message.code == 101:
                return message, content


def request_head(
    method: str, target: str, headers: Headers, body: Body, length: int | None
) -> bytes:
    """Request line and headers, the framing of the body among them."""
    lines = [f"{method} {target} HTTP/1.1".encode("ascii")]
    lines += [name + b": " + value for name, value in headers]
    if not isinstance(body, bytes):
        framing = (
            b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
        )
        lines.append(framing)
    elif body or method not in _WITHOUT_LENGTH:
        lines.append(b"content-length: %d" % len(body))
    return joined_head(lines)


def joined_head(lines: list[bytes]) -> bytes:
    """A head of these lines; ValueError where one of them holds a line end of its own."""
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise ValueError("a line of an HTTP head must not hold CR or LF")
    return head + b"\r\n\r\n"
