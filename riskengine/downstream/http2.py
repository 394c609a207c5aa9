"""HTTP/2 connections: many calls at a time on each, spoken to through pyqwest."""

from collections.abc import Iterable
from typing import NoReturn

from pyqwest import (
    Client,
    FullResponse,
    HTTPTransport,
    HTTPVersion,
    ReadError,
    RemoteProtocolError,
    StreamError,
    StreamErrorCode,
    WriteError,
)

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError, LostError, NotProcessedError

_LOST = (ReadError, WriteError, RemoteProtocolError)


class Http2Connection:
    """One connection, of `calls_per_connection` calls at a time as the pool allows.

    Once a call on it was lost, it takes no more.
    """

    def __init__(self, endpoint: Endpoint, transport: HTTPTransport, base: str) -> None:
        self.endpoint = endpoint
        self._transport = transport
        self._client = Client(transport)
        self._base = base
        self._broken = False

    def is_usable(self) -> bool:
        """See Connection."""
        return not self._broken

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> FullResponse:
        """A call with its whole answer: `status`, `headers`, `content`, `trailers`.

        Raises ConnectError, NotProcessedError or LostError.
        """
        url = self._base + path
        try:
            return await self._client.execute(method, url, list(headers), content)
        except (OSError, *_LOST) as error:
            self._convert(error)

    async def close(self) -> None:
        """See Connection."""
        self._broken = True
        await self._transport.aclose()

    def _convert(self, error: Exception) -> NoReturn:
        if isinstance(error, StreamError):
            self._fail_stream(error)
        self._broken = True
        if isinstance(error, ConnectionError):
            raise ConnectError(f"{self.endpoint.address}: {error}") from error
        raise LostError(f"{self.endpoint.address}: {error}") from error

    def _fail_stream(self, error: StreamError) -> NoReturn:
        """One call was ended by the peer; the others on the connection are unharmed."""
        if error.code is StreamErrorCode.REFUSED_STREAM:
            raise NotProcessedError(f"{self.endpoint.address}: stream refused") from error
        raise LostError(f"{self.endpoint.address}: {error}") from error


class Http2Connector:
    """Opens HTTP/2 connections: by ALPN over TLS, by prior knowledge without."""

    def __init__(
        self,
        *,
        tls_ca_pem: bytes | None = None,
        tls: bool = False,
        warm_path: str | None = "/",
    ) -> None:
        """`tls` with `tls_ca_pem` None trusts the system's authorities.

        A connection counts as open once `HEAD warm_path` was answered, whatever the status; with
        None it is opened by its first call.
        """
        self._ca = tls_ca_pem
        self._tls = tls or tls_ca_pem is not None
        self._warm_path = warm_path

    async def connect(self, endpoint: Endpoint) -> Http2Connection:
        """See Connector. Sockets of the file system are refused: this client has none."""
        if endpoint.unix_path is not None:
            raise ConnectError(f"{endpoint.address}: HTTP/2 needs HOST:PORT, not a unix socket")
        transport = HTTPTransport(
            tls_ca_cert=self._ca,
            tls_include_system_certs=self._tls and self._ca is None,
            http_version=HTTPVersion.HTTP2,
            enable_gzip=False,
            enable_brotli=False,
            enable_zstd=False,
            follow_redirects=False,
            pool_idle_timeout=None,
            use_system_dns=True,
            enable_otel=False,
        )
        scheme = "https" if self._tls else "http"
        connection = Http2Connection(endpoint, transport, f"{scheme}://{endpoint.address}")
        await self._warm(connection)
        return connection

    async def _warm(self, connection: Http2Connection) -> None:
        if self._warm_path is None:
            return
        try:
            await connection.request("HEAD", self._warm_path)
        except (LostError, NotProcessedError) as error:
            await connection.close()
            raise ConnectError(str(error)) from error
        except BaseException:
            await connection.close()
            raise
