"""HTTP/1.1 connections: each is one TCP connection, spoken to through aiohttp."""

import asyncio
import functools
import socket
import ssl
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.tracing import Trace
from yarl import URL

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError, LostError
from riskengine.downstream.http1_exchange import Body, Exchange, Headers, Http1Answer
from riskengine.downstream.tls import told

_KEEPALIVE_IDLE_S = 15
"""A peer that vanished without a word is noticed some time after that."""


class Http1Connection:
    """One open connection; carries one call at a time. What it answers with is aiohttp's own.

    Redirects are answers, nothing is decompressed, no cookie is kept and no proxy is used: what
    comes back is what the service said.
    """

    def __init__(self, endpoint: Endpoint, protocol: ResponseHandler, base: str) -> None:
        self.endpoint = endpoint
        self._protocol = protocol
        self._base = base
        self._connector = _SingleConnection(protocol)
        self._exchange: Exchange | None = None
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            raise_for_status=False,
        )

    def is_usable(self) -> bool:
        """See Connection: the peer has not closed it, and no call was left half done."""
        if self._exchange is not None and not self._exchange.at_rest:
            return False
        return self._protocol.is_connected() and self._connector.at_rest

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        data: Any = None,  # noqa: ANN401 - whatever aiohttp takes for a body
        **options: Any,  # noqa: ANN401 - passed on to aiohttp
    ) -> "aiohttp.client._RequestContextManager":
        """A call: `async with connection.request("GET", "/") as answer: await answer.read()`.

        `path` is sent as it stands, query included. Leaving the block before the answer was read
        closes the connection, since HTTP/1.1 has no other way to stop an answer.
        """
        self._begin(path)
        url = URL(self._base + path, encoded=True)
        return self._session.request(
            method, url, headers=headers, data=data, allow_redirects=False, **options
        )

    async def send(
        self,
        method: str,
        path: str,
        headers: Headers,
        body: Body = b"",
        *,
        length: int | None = None,
    ) -> Http1Answer:
        """A call made of bytes, for whoever passes messages on: a third of what `request` costs.

        `headers` go out as they are, `host` among them; the framing of the body is added. A body
        that comes piece by piece goes out in chunks unless `length` tells its bytes.
        """
        self._begin(path)
        self._exchange = exchange = Exchange(self._protocol)
        return await exchange.run(method, path, headers, body, length)

    async def close(self) -> None:
        """See Connection."""
        if self._exchange is not None:
            self._exchange.close()
        await self._session.close()

    def _begin(self, path: str) -> None:
        if not path.startswith("/"):
            raise ValueError(f"path: must begin with /, got {path!r}")
        if not self.is_usable():
            raise ConnectError(
                f"{self.endpoint.address}: the connection was closed before the call"
            )


class Http1Connector:
    """Opens HTTP/1.1 connections, over TLS where a context is given."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, server_name: str | None = None
    ) -> None:
        """`tls` as `client_tls` makes it. `server_name` is what certificate and `Host` are for, the
        endpoint's host if None."""
        self._tls = tls
        self._server_name = server_name

    async def connect(self, endpoint: Endpoint) -> Http1Connection:
        """See Connector."""
        factory = functools.partial(ResponseHandler, asyncio.get_running_loop())
        try:
            protocol = await self._open(endpoint, factory)
        except OSError as error:
            raise ConnectError(f"{endpoint.address}: {told(error)}") from error
        return Http1Connection(endpoint, protocol, self._base(endpoint))

    async def _open(
        self, endpoint: Endpoint, factory: "functools.partial[ResponseHandler]"
    ) -> ResponseHandler:
        loop = asyncio.get_running_loop()
        name = (self._server_name or endpoint.host) if self._tls else None
        if endpoint.unix_path is not None:
            _, protocol = await loop.create_unix_connection(
                factory, endpoint.unix_path, ssl=self._tls, server_hostname=name
            )
            return protocol
        transport, protocol = await loop.create_connection(
            factory, endpoint.host, endpoint.port, ssl=self._tls, server_hostname=name
        )
        _keep_alive(transport.get_extra_info("socket"))
        return protocol

    def _base(self, endpoint: Endpoint) -> str:
        port = endpoint.port or None
        url = URL.build(
            scheme="https" if self._tls else "http",
            host=self._server_name or endpoint.host,
            port=port,
        )
        return str(url).rstrip("/")


class _SingleConnection(aiohttp.BaseConnector):
    """Hands out the one connection it was given, and never opens another."""

    def __init__(self, protocol: ResponseHandler) -> None:
        super().__init__(limit=1, keepalive_timeout=None)
        self._given: ResponseHandler | None = protocol
        self.allowed_protocol_schema_set = frozenset({"http", "https"})

    @property
    def at_rest(self) -> bool:
        """No call is under way, not even one whose caller left while its body was being sent."""
        return not self._acquired

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        protocol, self._given = self._given, None
        if protocol is None:
            # aiohttp would make an idempotent call again by itself; retries are decided elsewhere.
            raise LostError(f"{req.url.host}: the connection was closed during the call")
        return protocol

    def _close(self, *, abort_ssl: bool = False) -> list[Any]:
        if self._given is not None:
            self._given.close()
            self._given = None
        return list(super()._close(abort_ssl=abort_ssl))


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_IDLE_S // 3)
