"""A very small shop to stand behind a gateway: every route answers, nothing is for sale."""

import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HTML, _JSON = "text/html", "application/json"
_ROUTES = {
    r"GET /": _HTML,
    r"GET /category/[^/]+": _HTML,
    r"GET /products/[0-9]+": _HTML,
    r"GET /(search|cart|account)": _HTML,
    r"(GET|POST) /(checkout|login)": _HTML,
    r"POST /cart/items": _JSON,
    r"GET /api/products/[0-9]+/stock": _JSON,
    r"GET /api/suggest": _JSON,
    r"GET /static/.+\.css": "text/css",
    r"GET /static/.+": "text/javascript",
    r"GET /images/.+": "image/svg+xml",
    r"GET /healthz": "text/plain",
}
_PAGE = """<!doctype html>
<title>Shop</title>
<link rel="stylesheet" href="/static/shop.css">
<script src="/static/shop.js"></script>
<img src="/images/{picture}.svg">
"""
_CONTENT = {
    _JSON: b"{}",
    "text/css": b"h1 { color: teal }",
    "text/javascript": b"'use strict';",
    "image/svg+xml": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "text/plain": b"ok",
}


class Shop(ThreadingHTTPServer):
    """A shop on a free port of the loopback, and what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.served: Counter[str] = Counter()
        """Requests that reached the shop, by method and path."""
        self.unchecked = 0
        """How many of them passed because the gateway had no answer in time."""


@contextmanager
def running_shop() -> Iterator[Shop]:
    """A shop that serves in a thread, for as long as the block lasts."""
    shop = Shop()
    thread = threading.Thread(target=shop.serve_forever, args=(0.05,), name="shop", daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        shop.shutdown()
        thread.join()
        shop.server_close()


class _Visit(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Shop

    def do_GET(self) -> None:
        asked = f"{self.command} {self.path.partition('?')[0]}"
        self.server.served[asked] += 1
        self.server.unchecked += self.headers.get(UNCHECKED) == "true"
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self._answer(*_content(asked))

    do_POST = do_GET  # noqa: N815 - http.server's name

    def _answer(self, status: int, content_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(content)))
        if content_type == _HTML and "cookie" not in self.headers:
            self.send_header("set-cookie", f"{SESSION}={secrets.token_hex(8)}; Path=/; HttpOnly")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Stay silent: the gateway keeps the access log."""


def _content(asked: str) -> tuple[int, str, bytes]:
    for pattern, content_type in _ROUTES.items():
        if re.fullmatch(pattern, asked):
            return 200, content_type, _CONTENT.get(content_type) or _page(asked)
    return 404, _HTML, b"<!doctype html><title>Not here</title>"


def _page(asked: str) -> bytes:
    return _PAGE.format(picture=asked.rpartition("/")[2] or "home").encode()


SESSION = "session"
"""The cookie by which the shop knows a visitor again."""

UNCHECKED = "x-envoy-auth-failure-mode-allowed"
"""Set by Envoy (`failure_mode_allow_header_add`) on what it could not ask about."""
