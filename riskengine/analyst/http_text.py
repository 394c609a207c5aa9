"""A request as it goes over the wire (HTTP/1.1, RFC 9112), to be judged."""

from urllib.parse import urlsplit

from riskengine.errors import InputError, InvalidRequestError
from riskengine.request import Request, make_request


def read_http(text: bytes, *, source: str, client_ip: str) -> Request:
    """The one request in `text`; InputError names `source` and the line that is wrong.

    Lines may end as on the wire or as editors leave them; whatever follows the empty line is body.
    """
    head, body = _split(text)
    lines = head.decode("latin-1").splitlines()
    if not lines:
        raise InputError(f"{source}:1: is empty; a request begins with GET /path HTTP/1.1")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/"):
        raise InputError(
            f"{source}:1: a request begins with METHOD TARGET HTTP/VERSION such as "
            f"GET /path HTTP/1.1, got {lines[0][:80]!r}"
        )
    headers = tuple(_header(line, f"{source}:{number}") for number, line in enumerate(lines[1:], 2))
    target = urlsplit(words[1]) if "://" in words[1] else None
    path, _, query = words[1].partition("?")
    try:
        return make_request(
            client_ip=client_ip,
            method=words[0],
            path=path if target is None else target.path or "/",
            query=query,
            scheme=target.scheme if target else "",
            host=target.netloc if target else dict(headers).get("host", ""),
            http_version=words[2].removeprefix("HTTP/"),
            headers=headers,
            body=body,
            body_size=len(body),
        )
    except InvalidRequestError as error:
        raise InputError(f"{source}: {error}") from None


def _split(text: bytes) -> tuple[bytes, bytes]:
    """Head and body, parted by the first empty line of either kind."""
    ends = [(text.find(mark), len(mark)) for mark in (b"\r\n\r\n", b"\n\n")]
    found = [(at, length) for at, length in ends if at >= 0]
    if not found:
        return text, b""
    at, length = min(found)
    return text[:at], text[at + length :]


def _header(line: str, place: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise InputError(f"{place}: a header is `Name: value`, got {line[:80]!r}")
    return name.lower(), value.strip()
