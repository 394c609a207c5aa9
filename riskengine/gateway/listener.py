"""The listening side: aiohttp's low-level server, with bounds and answers of our own."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_protocol import RequestHandler

from riskengine.gateway.config_model import RequestsEntry
from riskengine.gateway.problems import Refusal, malformed
from riskengine.gateway.responses import Sent, send

_log = logging.getLogger("riskengine.gateway")
_LINGER_S = 2.0

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Listener(web.Server):
    """Makes the protocol of each connection; `handler` is asked for every request that parses.

    A client that leaves cancels its request. A connection that brings no whole head within
    `idle` is closed, and so is one too many.
    """

    def __init__(self, handler: Handle, bounds: RequestsEntry) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            keepalive_timeout=bounds.idle,
            auto_decompress=False,  # bodies are passed on as they are
            lingering_time=_LINGER_S,
            access_log=None,
            max_line_size=16_384,
            max_field_size=16_384,
            logger=_log,
        )
        self.connections_max = bounds.connections_max

    def __call__(self) -> RequestHandler:
        """The protocol of one connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    """aiohttp's own, but for what it answers to what it cannot parse."""

    def connection_made(self, transport: object) -> None:
        """Close what is one too many; the rest is served."""
        super().connection_made(transport)  # type: ignore[arg-type]  # the loop's transport
        manager = self._manager
        if isinstance(manager, Listener) and len(manager.connections) > manager.connections_max:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A problem document; a client's mistakes are not ours to log."""
        if status >= 500:
            _log.error("a request failed inside the gateway", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        request._version = HttpVersion11  # aiohttp takes what it cannot parse for HTTP/1.0
        refusal = malformed("the request is not HTTP/1.1") if status < 500 else _OWN_FAULT
        return _Unsent(refusal)


class _Unsent(Sent):
    """An answer that aiohttp itself sends; its connection ends with it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, keep_alive=False)
        self._answer = refusal.answer()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send it."""
        await send(request, self._answer, close=True)
        return None


_OWN_FAULT = Refusal(500, "gateway.fault", "the gateway made a mistake; its log says which")
