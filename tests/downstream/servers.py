"""Real servers that misbehave on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
from aiohttp import web

from riskengine.downstream.endpoint import Endpoint


class Shop:
    """An HTTP/1.1 server: /hello, /status/N, /slow (until `gate` is set), /echo."""

    def __init__(self) -> None:
        self.calls = 0
        self.under_way = 0
        self.gate = asyncio.Event()
        self.changed = asyncio.Event()
        self.paths: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        self.under_way += 1
        self.changed.set()
        self.paths.append(request.raw_path)
        try:
            return await self._answer(request)
        finally:
            self.under_way -= 1
            self.changed.set()

    async def until(self, reached: Callable[[int], bool]) -> None:
        """Wait until the number of calls under way is as wanted."""
        while not reached(self.under_way):
            self.changed.clear()
            await self.changed.wait()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        what, _, number = request.path.strip("/").partition("/")
        if what == "status":
            return web.Response(status=int(number), headers={"Retry-After": "3"})
        if what == "slow":
            await self.gate.wait()
        if what == "echo":
            return web.Response(body=await request.read())
        return web.Response(text=f"hello from {request.host}")


@asynccontextmanager
async def serving(shop: Shop, *, unix: str | None = None) -> AsyncIterator[Endpoint]:
    """The shop on a free loopback port, or on a socket of the file system."""
    app = web.Application(client_max_size=16_000_000)
    app.router.add_route("*", "/{path:.*}", shop.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    if unix is not None:
        await web.UnixSite(runner, unix).start()
        address = f"unix:{unix}"
    else:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield Endpoint(address)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def scripted(answer: bytes) -> AsyncIterator[tuple[Endpoint, list[int]]]:
    """A TCP server that reads a request, sends `answer` and hangs up; counts its connections."""
    accepted = [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted[0] += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Endpoint(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"), accepted


class Echo(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs alone
    """A gRPC server of two methods: /shop/Echo, and /shop/Fail whose request names the code."""

    def __init__(self) -> None:
        self.peers: set[str] = set()

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        method = self._fail if handler_call_details.method.endswith("Fail") else self._echo
        return grpc.unary_unary_rpc_method_handler(method)

    async def _echo(
        self, request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]"
    ) -> bytes:
        self.peers.add(context.peer())
        return request

    async def _fail(
        self, request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]"
    ) -> bytes:
        context.set_trailing_metadata((("grpc-retry-pushback-ms", "250"),))
        await context.abort(grpc.StatusCode[request.decode()], "as asked")
        return b""


@asynccontextmanager
async def grpc_serving(echo: Echo) -> AsyncIterator[Endpoint]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((echo,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield Endpoint(f"127.0.0.1:{port}")
    finally:
        await server.stop(0)
