"""A request's body: a prefix for the engine, all of it for the service, never held as a whole."""

import asyncio
from collections.abc import AsyncIterator, Callable

from aiohttp import StreamReader
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from riskengine.gateway.problems import Refusal, malformed

_GONE = 499


class Upload:
    """The body of one request. Refusal says what is wrong with it, whenever that shows."""

    def __init__(
        self, content: StreamReader, length: int | None, *, body_max: int, idle_s: float
    ) -> None:
        """`length` is what Content-Length says; None where the body is chunked."""
        if length is not None and length > body_max:
            raise _too_large(body_max)
        self._content = content
        self._length = length
        self._body_max = body_max
        self._idle_s = idle_s
        self.prefix = b""
        self.received = 0
        """Bytes so far."""
        self.ended = length == 0 or content.at_eof()
        self.failure: Refusal | None = None
        """What broke it off while it was being passed on."""
        self.on_progress: Callable[[], None] = _ignore

    @property
    def whole(self) -> bytes | None:
        """The body, where its prefix is all of it."""
        return self.prefix if self.ended else None

    @property
    def length(self) -> int | None:
        """Bytes of the whole body; None where nobody knows yet."""
        return self.received if self.ended else self._length

    @property
    def size(self) -> int:
        """Bytes of the whole body; one more than came where nobody has told."""
        told = self.length
        return self.received + 1 if told is None else told

    async def read_prefix(self, size: int) -> None:
        """Read so much, or all there is."""
        while len(self.prefix) < size and not self.ended:
            self.prefix += await self._next()
        if self._length is not None and self.received >= self._length:
            self.ended = True

    async def stream(self) -> AsyncIterator[bytes]:
        """The prefix and what comes after it."""
        if self.prefix:
            yield self.prefix
        try:
            while not self.ended:
                piece = await self._next()
                self.on_progress()
                if piece:
                    yield piece
        except Refusal as refusal:
            self.failure = refusal
            raise

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(self._idle_s):
                piece = await self._content.readany()
        except TimeoutError:
            raise Refusal(408, "request.idle", "the body did not come in time") from None
        except (RequestPayloadError, HttpProcessingError):
            raise malformed("the body is not framed as HTTP asks") from None
        except (ConnectionError, EOFError):
            raise Refusal(_GONE, "client.gone", "the client left") from None
        self.ended = not piece
        self.received += len(piece)
        if self.received > self._body_max:
            raise _too_large(self._body_max)
        return piece


def _too_large(body_max: int) -> Refusal:
    return Refusal(413, "request.too_large", f"the body must be at most {body_max} bytes long")


def _ignore() -> None:
    pass
