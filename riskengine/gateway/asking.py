"""Turns an HTTP request into the one that the engine judges."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from riskengine.edge.client_address import ClientAddresses
from riskengine.edge.identifiers import cookie_value, hashed, short_id
from riskengine.errors import InvalidRequestError
from riskengine.gateway.config_model import ClientsEntry
from riskengine.gateway.problems import malformed
from riskengine.gateway.target import Target
from riskengine.request import Request, make_request

Headers = tuple[tuple[str, str], ...]

_LOCAL = "127.0.0.1"
_PEERS = 4_096  # the other ends that are remembered


class Peer(NamedTuple):
    """The other end of a connection."""

    address: str
    trusted: bool
    """Whether it is one of our own proxies, so that what it says of the client is believed."""
    client_ip: str
    """Its address as the engine writes addresses."""


class Asking:
    """Knows how clients are told apart."""

    def __init__(self, clients: ClientsEntry, namespace: str) -> None:
        self._clients = clients
        self._namespace = namespace
        self._addresses = ClientAddresses((), clients.trusted_proxies)
        self._trusted = ClientAddresses(clients.trusted_proxies, ())
        self._peer_at = lru_cache(maxsize=_PEERS)(self._look_at)

    def peer(self, peername: object) -> Peer:
        """Who is at the other end; a socket of the file system counts as this machine."""
        named = isinstance(peername, Sequence) and not isinstance(peername, str | bytes)
        return self._peer_at(str(peername[0]) if named and peername else _LOCAL)  # type: ignore[index]  # named

    def _look_at(self, address: str) -> Peer:
        trusted = self._trusted.find(address, _PROBE, "") == _PROBE
        return Peer(address, trusted, self._addresses.find(address, "", ""))

    def client_ip(self, peer: Peer, headers: Headers) -> str:
        """Who the request is from, seen past our own proxies."""
        forwarded = joined(headers, "x-forwarded-for") if peer.trusted else ""
        if not forwarded:
            return peer.client_ip
        return self._addresses.find(peer.address, "", forwarded)

    def scheme(self, peer: Peer, headers: Headers) -> str:
        """What the client spoke to the first of our proxies."""
        told = joined(headers, "x-forwarded-proto") if peer.trusted else ""
        return "https" if told.partition(",")[0].strip().lower() == "https" else "http"

    def request(
        self,
        target: Target,
        headers: Headers,
        values: Mapping[str, str],
        peer: Peer,
        *,
        method: str,
        scheme: str,
        host: str,
        client_ip: str,
        request_id: str,
        http_version: str,
        body: bytes,
        body_size: int,
    ) -> Request:
        """What the engine judges; Refusal where a client made it too strange to be judged."""
        clients = self._clients
        try:
            return make_request(
                client_ip=client_ip,
                request_id=request_id,
                namespace=self._namespace,
                method=method,
                scheme=scheme,
                host=host,
                path=target.path,
                query=target.query,
                http_version=http_version,
                headers=headers,
                body=body,
                body_size=body_size,
                user_id=_believed(peer, values, clients.user_header),
                session_id=self._session_id(peer, values),
                device_id=short_id(values.get(clients.device_header or "", "")),
            )
        except InvalidRequestError as error:
            raise malformed(str(error)) from None

    def _session_id(self, peer: Peer, values: Mapping[str, str]) -> str:
        told = _believed(peer, values, self._clients.session_header)
        if told or not self._clients.session_cookie:
            return told
        secret = cookie_value(values.get("cookie", ""), self._clients.session_cookie)
        return hashed(secret) if secret else ""


_PROBE = "192.0.2.1"
"""An address that a trusted peer would be believed: whether it is says whether it is trusted."""


def _believed(peer: Peer, values: Mapping[str, str], header: str | None) -> str:
    return short_id(values.get(header or "", "")) if peer.trusted else ""


def joined(headers: Headers, wanted: str) -> str:
    """All values of a header as one (RFC 9110 §5.3)."""
    return ",".join([value for name, value in headers if name == wanted])
