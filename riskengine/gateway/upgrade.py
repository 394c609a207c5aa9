"""Connections that go on in another protocol: bytes both ways, at the pace of the slower side.

Source: RFC 9110 §7.8, RFC 6455 §4.
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_writer import StreamWriter

from riskengine.gateway.answers import Answer
from riskengine.gateway.responses import Answering, Sent
from riskengine.tasks import spawn

_HELD_MAX = 262_144
"""Bytes that may wait for the other side before this one is read no more."""


def wanted_upgrade(values: Mapping[str, str], connection: str, method: str) -> str:
    """`websocket` where the client asks for it; asking for another protocol is passed over.

    `values` are the request's headers, `connection` all that Connection says.
    """
    asked = values.get("upgrade", "").strip().lower()
    if method != "GET" or asked != "websocket":
        return ""
    words = [word.strip().lower() for word in connection.split(",")]
    return asked if "upgrade" in words else ""


async def tunnel(request: web.BaseRequest, answer: Answer) -> tuple[Sent, int]:
    """Pass bytes until one side has ended; the response, and the bytes the client was sent."""
    service = answer.response.protocol
    headers = [*answer.passed_on, (b"connection", b"upgrade"), (b"upgrade", b"websocket")]
    answering = Answering(request, 101, headers, answer.reason, close=True)
    await answering.begin()
    down = _Pump(service, request.protocol)
    up = _Pump(request.protocol, service)
    service.set_parser(down, down)
    request.protocol.set_parser(up)  # type: ignore[arg-type]  # it feeds whatever it is given
    running = [spawn(down.run(), name="to client"), spawn(up.run(), name="to service")]
    try:
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in running:
            task.cancel()
        answer.response.close()
    return answering.sent, down.passed


class _Pump:
    """Takes the place of a parser: what it is fed goes to the other side."""

    def __init__(self, source: BaseProtocol, sink: BaseProtocol) -> None:
        self._source = source
        self._writer = StreamWriter(sink, asyncio.get_running_loop())
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._held = 0
        self._paused = False
        self.passed = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Called by the source's connection."""
        self._pieces.put_nowait(bytes(data))
        self._held += len(data)
        if self._held > _HELD_MAX and self._source.transport is not None:
            self._source.transport.pause_reading()
            self._paused = True
        return False, b""

    def feed_eof(self) -> None:
        """The source has ended."""
        self._pieces.put_nowait(None)

    def set_exception(self, *_: object) -> None:
        """The source broke off."""
        self._pieces.put_nowait(None)

    def is_eof(self) -> bool:
        """Never by itself: the connection says when."""
        return False

    async def run(self) -> None:
        """Write on until the source has ended or the sink is gone."""
        try:
            while (piece := await self._pieces.get()) is not None:
                await self._writer.write(piece)
                self._held -= len(piece)
                self.passed += len(piece)
                self._resume()
        except ConnectionError:
            return

    def _resume(self) -> None:
        if self._paused and self._held <= _HELD_MAX // 2 and self._source.transport is not None:
            self._source.transport.resume_reading()
            self._paused = False
