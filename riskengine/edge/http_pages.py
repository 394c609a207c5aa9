"""A very small HTTP server for pages that machines read: GET, answer, close."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

_READ_S = 5.0
_HEAD_BYTES_MAX = 8_192


class Page(NamedTuple):
    """What a path answers."""

    status: HTTPStatus
    content_type: str
    text: str


Pages = Mapping[str, Callable[[], Awaitable[Page]]]


async def serve_pages(host: str, port: int, pages: Pages) -> asyncio.Server:
    """Serve `pages` by path; the caller closes the server. OSError when the address is not free."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(await _page(head, pages)))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked is gone, or never asked anything that makes sense
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port, limit=_HEAD_BYTES_MAX)


async def _page(head: bytes, pages: Pages) -> Page:
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
    if path not in pages:
        return Page(HTTPStatus.NOT_FOUND, "text/plain", f"have {', '.join(sorted(pages))}\n")
    if method != b"GET":
        return Page(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "only GET\n")
    return await pages[path]()


def _response(page: Page) -> bytes:
    content = page.text.encode()
    head = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
        f"content-type: {page.content_type}; charset=utf-8\r\n"
        f"content-length: {len(content)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + content
