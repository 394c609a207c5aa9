"""The headers of a request as rules see them."""

from riskengine.percent import to_bytes
from riskengine.request import Request
from riskengine.seclang.cookies import parse_cookies


def with_host(request: Request) -> tuple[tuple[str, str], ...]:
    """The headers, with the host where it came as `:authority`: to rules both are Host."""
    headers = request.headers
    if not request.host:
        return headers
    for name, _ in headers:
        if name == "host":
            return headers
    return (("host", request.host), *headers) if request.headers_known else headers


def header_bytes(value: str) -> bytes:
    """The bytes of a header. Gateways that decode them as Latin-1 are recognised by the outcome."""
    if value.isascii():
        return value.encode()
    try:
        data = value.encode("latin-1")
        data.decode()
    except UnicodeError:
        return to_bytes(value)
    return data


def cookies_of(value: str) -> tuple[tuple[bytes, bytes], ...]:
    """Names and values of the cookies in one Cookie header."""
    return tuple(parse_cookies(header_bytes(value)))
