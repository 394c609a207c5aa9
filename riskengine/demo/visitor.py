"""Somebody who visits the shop through the gateway, from an address of his own."""

import asyncio
import http.client
import json
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

BROWSER = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-GB,en;q=0.5",
    "accept-encoding": "gzip, deflate",
    "upgrade-insecure-requests": "1",
    "sec-fetch-dest": "document",
    "sec-fetch-mode": "navigate",
    "sec-fetch-site": "same-origin",
}
"""What a browser says with every page."""

_FETCHES = {
    "css": ("style", "no-cors"),
    "js": ("script", "no-cors"),
    "svg": ("image", "no-cors"),
    "json": ("empty", "cors"),
}
"""Destination and mode of what a page asks for, as `sec-fetch-*` has them."""
_ASSET = re.compile(r'(?:src|href)="(/(?:static|images)/[^"]+)"')

_PATIENCE_S = 10


class Answer(NamedTuple):
    """What came back."""

    asked: str
    """Method and raw path."""
    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: str

    @property
    def stopped(self) -> bool:
        """Whether the engine stopped it; the demo shop itself never answers like this."""
        return self.status in (403, 429)


class Visitor:
    """Sends requests from one loopback address, and remembers the answers."""

    def __init__(self, address: str, port: int, headers: Mapping[str, str] | None = None) -> None:
        self.address = address
        self.answers: list[Answer] = []
        self._port = port
        self._headers = dict(headers or {})

    async def get(self, path: str, **headers: str) -> Answer:
        """The answer to a GET of `path`, which is sent as it stands."""
        return await self._send("GET", path, b"", headers)

    async def post_form(self, path: str, **fields: str) -> Answer:
        """The answer to a form."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return await self._send("POST", path, urlencode(fields).encode(), kind)

    async def post_json(self, path: str, **fields: object) -> Answer:
        """The answer to a JSON document."""
        kind = {"content-type": "application/json"}
        return await self._send("POST", path, json.dumps(fields).encode(), kind)

    async def _send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        every = {**self._headers, **{name.replace("_", "-"): v for name, v in headers.items()}}
        answer = await asyncio.to_thread(self._exchange, method, path, body, every)
        self.answers.append(answer)
        return answer

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=_PATIENCE_S, source_address=(self.address, 0)
        )
        try:
            connection.request(method, path, body or None, dict(headers))
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(f"{method} {path}", response.status, told, response.read().decode())
        finally:
            connection.close()


class Browser(Visitor):
    """A visitor with a browser, which does more than its user knows: it keeps the shop's cookie,
    fetches what pages are made of, once, and says where it comes from.
    """

    def __init__(self, address: str, port: int) -> None:
        super().__init__(address, port, BROWSER)
        self._origin = f"http://127.0.0.1:{port}"
        self._page = self._cookie = ""
        self._cached: set[str] = set()

    async def open(self, path: str) -> list[Answer]:
        """The answers to a page and to the assets it names."""
        answers = [await self.get(path)]
        self._page = path
        for asset in _ASSET.findall(answers[0].body):
            if asset not in self._cached:
                self._cached.add(asset)
                answers.append(await self.get(asset))
        return answers

    async def _send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        answer = await super()._send(method, path, body, {**self._own(path, headers), **headers})
        self._cookie = answer.headers.get("set-cookie", self._cookie).partition(";")[0]
        return answer

    def _own(self, path: str, headers: Mapping[str, str]) -> dict[str, str]:
        """What the browser adds by itself."""
        own = {"referer": self._origin + self._page} if self._page else {}
        if self._cookie:
            own["cookie"] = self._cookie
        kind = "json" if "json" in headers.get("content-type", "") else path.rpartition(".")[2]
        if kind in _FETCHES:
            destination, mode = _FETCHES[kind]
            own |= {"accept": "*/*", "sec-fetch-dest": destination, "sec-fetch-mode": mode}
        return own
