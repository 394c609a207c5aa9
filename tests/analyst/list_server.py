"""A publisher of lists on loopback: real HTTP, with validators, redirects and failures."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Publisher:
    """What is published, by path, and what was asked for."""

    def __init__(self) -> None:
        self.lists: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.asked: list[tuple[str, str | None]] = []
        """Path and If-None-Match of each request."""
        self.base = ""


@contextmanager
def publisher() -> Iterator[Publisher]:
    """Serves until the block ends."""
    published = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("If-None-Match")
            published.asked.append((self.path, wanted))
            if self.path in published.redirects:
                self._answer(302, b"", ("Location", published.redirects[self.path]))
                return
            content = published.lists.get(self.path)
            if content is None:
                self._answer(404, b"")
                return
            tag = f'"{hash(content):x}"'
            if wanted == tag:
                self._answer(304, b"")
                return
            self._answer(200, content, ("ETag", tag))

        def _answer(self, status: int, content: bytes, *headers: tuple[str, str]) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    published.base = f"http://127.0.0.1:{server.server_port}"
    try:
        yield published
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
