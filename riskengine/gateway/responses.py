"""Answers on their way to the client, over aiohttp."""

from collections.abc import Iterable

from aiohttp import hdrs, web
from multidict import CIMultiDict

from riskengine.edge.http_answer import HttpAnswer


class PlainResponse(web.StreamResponse):
    """Sends the headers it was given, and no others but those of the connection.

    aiohttp would name a type where the service named none, and itself as the server.
    """

    def __init__(
        self, status: int, headers: Iterable[tuple[str, str]], reason: str | None = None
    ) -> None:
        super().__init__(status=status, reason=reason or None, headers=CIMultiDict(headers))

    async def _prepare_headers(self) -> None:
        absent = [name for name in (hdrs.CONTENT_TYPE, hdrs.SERVER) if name not in self.headers]
        await super()._prepare_headers()
        for name in absent:
            self.headers.popall(name, None)


async def send(request: web.BaseRequest, answer: HttpAnswer) -> PlainResponse:
    """Send an answer of our own; what the client still sends of its body is not waited for."""
    body = answer.body.encode()
    response = PlainResponse(answer.status, [*answer.headers, ("content-length", str(len(body)))])
    if not request.content.at_eof():
        response.force_close()
    await response.prepare(request)
    if request.method != hdrs.METH_HEAD:
        await response.write(body)
    await response.write_eof()
    return response
