"""A small HTTP/2 server, by prior knowledge.

It greets; /status/N answers N, /refuse is reset unread, /hang-up ends the connection, /hang waits.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived

from riskengine.downstream.endpoint import Endpoint


class H2Shop:
    """Counts connections and what is asked on them."""

    def __init__(self) -> None:
        self.connections = 0
        self.paths: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        h2.initiate_connection()
        try:
            while True:
                writer.write(h2.data_to_send())
                data = await reader.read(65_536)
                if not data:
                    return
                for event in h2.receive_data(data):
                    if isinstance(event, RequestReceived):
                        self._answer(h2, event)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, h2: H2Connection, event: RequestReceived) -> None:
        # Decoded by the configuration above; the annotations of h2 know bytes only.
        headers = {str(name): str(value) for name, value in event.headers or []}
        path = headers[":path"]
        self.paths.append(path)
        stream = event.stream_id or 0
        if path == "/refuse":
            h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
        elif path == "/hang-up":
            raise ConnectionResetError("as asked")
        elif path != "/hang":
            status = path.rpartition("/")[2] if path.startswith("/status/") else "200"
            bodiless = headers[":method"] == "HEAD"
            h2.send_headers(stream, [(":status", status)], end_stream=bodiless)
            if not bodiless:
                h2.send_data(stream, b"hello", end_stream=True)


@asynccontextmanager
async def h2_serving(shop: H2Shop) -> AsyncIterator[Endpoint]:
    server = await asyncio.start_server(shop.serve, "127.0.0.1", 0)
    async with server:
        yield Endpoint(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
