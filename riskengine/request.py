"""The request as it is judged: the gateway's words, checked once, never changed afterwards."""

import re
from typing import NoReturn

import msgspec

from riskengine.address import Address, parse_address
from riskengine.errors import InvalidRequestError

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_ID_LENGTH_MAX = 128
_HEADERS_MAX = 256
_LATEST = 253_402_300_800.0  # the year 10000, seconds since the epoch


class Request(msgspec.Struct, frozen=True, gc=False):
    """Metadata of one HTTP request. Made by `make_request`, which checks every field."""

    address: Address
    request_id: str = ""
    namespace: str = "default"
    method: str = ""
    scheme: str = ""
    host: str = ""
    path: str = "/"
    """Raw path, without the query."""
    query: str = ""
    """Raw query, without the question mark."""
    http_version: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Lower-case name and value, in wire order."""
    headers_known: bool = True
    """False where the source (an access log) does not tell them: unknown is not absent."""
    body: bytes = b""
    body_size: int = 0
    """Bytes of the whole body; larger than `len(body)` where it was cut."""
    user_id: str = ""
    session_id: str = ""
    device_id: str = ""
    tls_fingerprint: str = ""
    attributes: dict[str, str] = {}
    received_at: float | None = None
    """Seconds since the epoch; believed only in replay and with `--clock request`."""


def make_request(
    *,
    client_ip: str,
    request_id: str = "",
    namespace: str = "",
    method: str = "",
    scheme: str = "",
    host: str = "",
    path: str = "",
    query: str = "",
    http_version: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    headers_known: bool = True,
    body: bytes = b"",
    body_size: int = 0,
    user_id: str = "",
    session_id: str = "",
    device_id: str = "",
    tls_fingerprint: str = "",
    attributes: dict[str, str] | None = None,
    received_at: float | None = None,
) -> Request:
    """The request, or InvalidRequestError naming the field that no gateway should ever send.

    Header names are expected in lower case. What a *client* can get wrong (a strange path, a
    broken encoding) is not an error here: it is traffic, and the stages judge it.
    """
    if namespace and not _NAMESPACE.fullmatch(namespace):
        raise InvalidRequestError(
            "namespace", "must be at most 64 letters, digits, '-', '_' or '.'"
        )
    if not path:
        raise InvalidRequestError("path", "must not be empty; send '/' for the root")
    if not method:
        raise InvalidRequestError("method", "must not be empty")
    if len(headers) > _HEADERS_MAX:
        raise InvalidRequestError("headers", f"must be at most {_HEADERS_MAX}, got {len(headers)}")
    if body_size < 0:
        raise InvalidRequestError("body_size", f"must not be negative, got {body_size}")
    if (
        len(request_id) > _ID_LENGTH_MAX
        or len(user_id) > _ID_LENGTH_MAX
        or len(session_id) > _ID_LENGTH_MAX
        or len(device_id) > _ID_LENGTH_MAX
    ):
        _refuse_long_id(
            request_id=request_id, user_id=user_id, session_id=session_id, device_id=device_id
        )
    if received_at is not None and not 0 <= received_at < _LATEST:  # NaN is not, either
        raise InvalidRequestError("received_at", "must be a time between 1970 and 9999")
    if body and body_size < len(body):
        body_size = len(body)
    return Request(  # by position, which takes half as long as by name
        parse_address(client_ip),
        request_id,
        namespace or "default",
        method,
        scheme,
        host,
        path,
        query,
        http_version,
        headers,
        headers_known,
        body,
        body_size,
        user_id,
        session_id,
        device_id,
        tls_fingerprint,
        attributes or {},
        received_at,
    )


def _refuse_long_id(**ids: str) -> NoReturn:
    field = max(ids, key=lambda name: len(ids[name]))
    raise InvalidRequestError(
        field, f"must be at most {_ID_LENGTH_MAX} characters, got {len(ids[field])}"
    )
