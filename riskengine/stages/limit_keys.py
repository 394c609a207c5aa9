"""Keys of limits: who is counted apart, read from a request in characters that mean nothing."""

import re
import socket
from collections.abc import Callable, Sequence
from hashlib import blake2b

from riskengine.address import Address, parse_address
from riskengine.errors import InvalidRequestError
from riskengine.inspection import Inspection

Reader = Callable[[Inspection], str | None]
"""Reads something of a request; None or empty where the request lacks it."""

_PLAIN = re.compile(r"[A-Za-z0-9._@-]{1,48}", re.ASCII)


def read_subject(key: Sequence[str], *, count: bool) -> Reader:
    """Reads who is counted; `count` lets requests that lack a part count together."""
    parts = [_read_part(name, count=count) for name in key]
    if len(parts) == 1:
        return parts[0]

    def read(inspection: Inspection) -> str | None:
        values = [part(inspection) for part in parts]
        return None if None in values else ",".join(value for value in values if value)

    return read


def _read_part(name: str, *, count: bool) -> Reader:
    """One part of a key as `name:value`, in characters that mean nothing to a key."""
    if name == "network":
        return lambda inspection: "network:" + network_of(inspection.request.address)
    if name == "site":
        return lambda inspection: "site:" + network_of(inspection.request.address)
    if name == "ip":
        return lambda inspection: "ip:" + inspection.request.address.subject
    read = _reader(name)
    lacking = f"{name}:" if count else None

    def part(inspection: Inspection) -> str | None:
        value = read(inspection)
        if not value:
            return lacking
        return f"{name}:{_harmless(value)}"

    return part


def _reader(name: str) -> Reader:
    kind, _, detail = name.partition(":")
    if kind == "attribute":
        return lambda inspection: inspection.request.attributes.get(detail)
    if kind == "header":
        header = detail.lower()
        return lambda inspection: inspection.headers.get(header)
    return _READERS[name]


_READERS: dict[str, Reader] = {
    "user": lambda inspection: inspection.request.user_id,
    "session": lambda inspection: inspection.request.session_id,
    "device": lambda inspection: inspection.request.device_id,
    "tls": lambda inspection: inspection.request.tls_fingerprint,
    "host": lambda inspection: inspection.request.host.lower(),
    "method": lambda inspection: inspection.request.method,
    "namespace": lambda inspection: inspection.request.namespace,
    "route": lambda inspection: inspection.route.id if inspection.route else None,
    "country": lambda inspection: inspection.origin.country,
    "asn": lambda inspection: None if (n := inspection.origin.asn) is None else str(n),
    "bot": lambda inspection: inspection.origin.bot,
}


def override_subject(key: Sequence[str], value: str) -> str:
    """Who is counted, from the value of a key as it stands in an overrides file."""
    values = value.split(",") if len(key) > 1 else [value]
    return ",".join(
        f"{name}:{_address(text) if name == 'ip' else _harmless(text)}"
        for name, text in zip(key, values, strict=False)
    )


def network_of(address: Address) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 address."""
    if address.version == 4:
        return address.text.rpartition(".")[0] + ".0/24"
    return socket.inet_ntop(socket.AF_INET6, address.packed[:6] + bytes(10)) + "/48"


def _address(text: str) -> str:
    try:
        return parse_address(text.removesuffix("/64")).subject
    except InvalidRequestError:
        return _harmless(text)


def _harmless(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else _digest(value)


def _digest(value: str) -> str:
    """A long or odd value, short and harmless; `#` tells it apart from every plain one."""
    return "#" + blake2b(value.encode(errors="surrogatepass"), digest_size=16).hexdigest()
