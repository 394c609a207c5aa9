"""Envoy's CheckRequest on the wire: bytes to a request."""

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from google.protobuf.message import DecodeError

from riskengine.edge.client_address import ClientAddresses
from riskengine.edge.envoy_api.attribute_context_pb2 import AttributeContext
from riskengine.edge.envoy_api.external_auth_pb2 import CheckRequest
from riskengine.edge.identifiers import cookie_value, hashed, short_id
from riskengine.errors import InvalidRequestError
from riskengine.request import Request, make_request
from riskengine.settings import Settings

NAMESPACE = "riskengine.namespace"
"""Key among the route's `context_extensions` that chooses the namespace."""

_NO_HEADER = ("", ":")  # the first letter of no name, and of a pseudo header's
_PARTIAL = "x-envoy-auth-partial-body"  # added by Envoy; the last one of that name is Envoy's own
_VERSIONS = {"HTTP/1.0": "1.0", "HTTP/1.1": "1.1", "HTTP/2": "2", "HTTP/3": "3"}

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request that its client made too strange to be judged, and why."""

    request_id: str
    problem: str


class CheckReader:
    """Reads CheckRequests as the settings say."""

    def __init__(self, settings: Settings) -> None:
        self._addresses = ClientAddresses(settings.trusted_peers, settings.trusted_proxies)
        self._user_header = settings.user_header
        self._session_header = settings.session_header
        self._session_cookie = settings.session_cookie
        self._device_header = settings.device_header

    def read(self, message: bytes) -> Request | RefusedRequest:
        """The request that Envoy asks about.

        What the *gateway* got wrong is InvalidRequestError, and then no decision is taken. What the
        client got wrong is never an error, for an error lets it pass where Envoy fails open.
        """
        attributes = _parse(message).attributes
        http = attributes.request.http
        if not http.method:
            raise InvalidRequestError("attributes.request.http", "must describe an HTTP request")
        wire = _wire(http)
        values = dict(wire.headers)
        client_ip = self._addresses.find(
            attributes.source.address.socket_address.address,
            values.get("x-client-ip", ""),
            ",".join([value for name, value in wire.headers if name == "x-forwarded-for"]),
        )
        try:
            return self._request(attributes, wire, values, client_ip)
        except InvalidRequestError as error:
            if error.field in ("namespace", "received_at"):
                raise
            return RefusedRequest(short_id(values.get("x-request-id") or http.id), str(error))

    def _request(
        self, attributes: AttributeContext, wire: "_Wire", values: dict[str, str], client_ip: str
    ) -> Request:
        http = attributes.request.http
        extensions = dict(attributes.context_extensions)
        path, _, query = wire.target.partition("?")
        body = http.raw_body or http.body.encode()
        ja4 = values.get("x-ja4", "")
        return make_request(
            client_ip=client_ip,
            request_id=short_id(values.get("x-request-id") or http.id),
            namespace=extensions.pop(NAMESPACE, ""),
            method=http.method,
            scheme=http.scheme,
            host=http.host,
            path=path or "/",  # CONNECT has none
            query=query,
            http_version=_VERSIONS.get(http.protocol, ""),
            headers=wire.headers,
            body=body,
            body_size=_body_size(values, body, wire.partial),
            user_id=short_id(values.get(self._user_header, "")),
            session_id=self._session_id(values),
            device_id=short_id(values.get(self._device_header, "")),
            tls_fingerprint="" if ja4 == "-" else short_id(ja4),  # Envoy writes - for none
            attributes=extensions,
            received_at=_received_at(attributes),
        )

    def _session_id(self, values: dict[str, str]) -> str:
        """The header's text, else the hash of the cookie: the secret itself goes nowhere."""
        named = values.get(self._session_header, "")
        if named or not self._session_cookie:
            return short_id(named)
        secret = cookie_value(values.get("cookie", ""), self._session_cookie)
        return hashed(secret) if secret else ""


class _Wire(NamedTuple):
    headers: Headers
    """Without pseudo headers and Envoy's own."""
    target: str
    partial: bool
    """Whether Envoy cut the body."""


def _parse(message: bytes) -> CheckRequest:
    try:
        return CheckRequest.FromString(message)
    except DecodeError:
        raise InvalidRequestError(
            "message", "these bytes are no envoy.service.auth.v3.CheckRequest"
        ) from None


def _wire(http: AttributeContext.HttpRequest) -> _Wire:
    """What the headers say, from the ordered form where the gateway sends it."""
    if not http.HasField("header_map"):
        return _without_pseudo(list(http.headers.items()), http.path)
    told = [
        (header.key.lower(), header.raw_value or header.value.encode())
        for header in http.header_map.headers
    ]
    raw_target = next((value for name, value in told if name == ":path"), b"")
    target = _target(raw_target) if raw_target else http.path
    return _without_pseudo([(name, _text(value)) for name, value in told], target)


def _without_pseudo(told: list[tuple[str, str]], target: str) -> _Wire:
    headers = [pair for pair in told if pair[0][:1] not in _NO_HEADER and pair[0] != _PARTIAL]
    partial = [value for name, value in told if name == _PARTIAL]
    return _Wire(tuple(headers), target, partial[-1:] == ["true"])


def _target(raw: bytes) -> str:
    """The request target; `http.path` has lost the bytes that are not UTF-8, here they are kept."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return quote_from_bytes(raw, safe=_PRINTABLE)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _body_size(values: dict[str, str], body: bytes, partial: bool) -> int:
    """Bytes of the whole body; one more than we have where it was cut and nobody counted it."""
    told = values.get("content-length", "")
    size = int(told) if told.isascii() and told.isdigit() and len(told) <= 15 else 0
    return max(size, len(body) + partial)


def _received_at(attributes: AttributeContext) -> float | None:
    if not attributes.request.HasField("time"):
        return None
    time = attributes.request.time
    return time.seconds + time.nanos * 1e-9


_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
