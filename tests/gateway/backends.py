"""Real services to stand behind the gateway under test."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

PAGE = "<!doctype html><title>Shop</title><h1 id=name>{name}</h1>"


class Backend:
    """A shop's server: pages, an echo of what it was sent, streams, and a WebSocket."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = ""
        self.heads: list[dict[str, Any]] = []
        """Method, target and headers of every request, in order."""
        self.gate = asyncio.Event()
        """What streams wait for before they go on."""
        self.received = 0
        """Bytes of bodies so far."""
        self.arrived = asyncio.Event()
        self.left = asyncio.Event()
        """A client went away before /gated had ended."""
        self.closed_with: int | None = None
        """What the last WebSocket's client gave as its reason."""
        self.runner: web.AppRunner | None = None

    async def start(
        self, port: int = 0, *, tls: ssl.SSLContext | None = None, unix: Path | None = None
    ) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self.runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
        await self.runner.setup()
        if unix is not None:
            await web.UnixSite(self.runner, str(unix)).start()
            self.address = f"unix:{unix}"
            return
        await web.TCPSite(self.runner, "127.0.0.1", port, ssl_context=tls).start()
        self.address = f"127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        """End at once, connections included."""
        runner, self.runner = self.runner, None
        if runner is None:
            return
        for protocol in runner.server.connections if runner.server else []:
            if protocol.transport is not None:
                protocol.transport.abort()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = [(n.decode().lower(), v.decode("latin-1")) for n, v in request.raw_headers]
        self.heads.append(
            {"method": request.method, "target": request.raw_path, "headers": headers}
        )
        kind = getattr(self, f"_{request.path.strip('/').partition('/')[0]}", self._page)
        answer: web.StreamResponse = await kind(request)
        return answer

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(
            text=PAGE.format(name=self.name),
            content_type="text/html",
            headers={"x-backend": self.name},
        )

    async def _echo(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async def _status(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=int(request.path.rpartition("/")[2]), text="as asked")

    async def _count(self, request: web.Request) -> web.StreamResponse:
        """Read the body piece by piece."""
        async for piece in request.content.iter_any():
            self.received += len(piece)
            self.arrived.set()
        return web.Response(text=str(self.received))

    async def _gated(self, request: web.Request) -> web.StreamResponse:
        """One piece at once, the other when the gate opens."""
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first ")
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise
        await response.write(b"second")
        return response

    async def _slow(self, request: web.Request) -> web.StreamResponse:
        self.arrived.set()
        await self.gate.wait()
        return web.Response(text="at last")

    async def _cut(self, request: web.Request) -> web.StreamResponse:
        """Promise more than is sent, then hang up."""
        response = web.StreamResponse(headers={"content-length": "1000000"})
        await response.prepare(request)
        await response.write(b"x" * 1000)
        assert request.transport is not None
        request.transport.close()
        return response

    async def _big(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"y" * 3_000_000)

    async def _zip(self, request: web.Request) -> web.StreamResponse:
        response = web.Response(text="packed " * 100)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async def _headers(self, request: web.Request) -> web.StreamResponse:
        """Answer with what is for this hop alone, and with what is not."""
        response = web.Response(text="ok")
        response.headers.extend(
            [
                ("connection", "x-hop"),
                ("x-hop", "1"),
                ("keep-alive", "timeout=9"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
                ("server", "shop/1"),
            ]
        )
        return response

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["chat"])
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(f"{self.name}: {message.data}")
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        self.closed_with = socket.close_code
        return socket


@asynccontextmanager
async def two_backends() -> AsyncIterator[tuple[Backend, Backend]]:
    """Two of them that serve for as long as the block runs."""
    one, two = Backend("one"), Backend("two")
    await one.start()
    await two.start()
    try:
        yield one, two
    finally:
        await one.stop()
        await two.stop()
