"""Readers of setting values: text in, value out, or a ValueError that says what would be right."""

import ipaddress
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

ClockChoice = Literal["store", "request"]

_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", re.ASCII)
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{0,64}", re.ASCII)  # RFC 9110, 5.6.2
_STORE_SCHEMES = (
    "unix://",
    *(f"redis{tls}{kind}://" for tls in ("", "s") for kind in ("", "+sentinel", "+cluster")),
)
_KEY_BYTES_MIN = 16


def read_whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers."""

    def read(value: str) -> int:
        digits = value.isascii() and value.isdigit() and len(value) <= 20
        if digits and least <= int(value) <= most:
            return int(value)
        raise ValueError(f"must be a whole number from {least} to {most}")

    return read


def read_number(least: float, most: float) -> Callable[[str], float]:
    """A reader of finite numbers."""

    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if least <= number <= most:
            return number
        raise ValueError(f"must be a number from {least:g} to {most:g}")

    return read


def read_clock(value: str) -> ClockChoice:
    """`store` or `request`."""
    if value == "store":
        return "store"
    if value == "request":
        return "request"
    raise ValueError("must be store or request")


def read_listen(value: str) -> str:
    """HOST:PORT; an IPv6 host in brackets."""
    match = _HOST_PORT.fullmatch(value)
    if match and int(match[2]) <= 65_535:
        return value
    raise ValueError("must be HOST:PORT, such as 0.0.0.0:50051 or [::1]:50051")


def read_listen_or_none(value: str) -> str:
    """HOST:PORT or nothing."""
    return read_listen(value) if value else ""


def read_store(value: str) -> str:
    """Name or URL of a store."""
    if value in ("memory", "embedded") or value.startswith(_STORE_SCHEMES):
        return value
    raise ValueError(
        "must be memory, embedded, unix:///PATH, redis://HOST:PORT, rediss://HOST:PORT, "
        "redis+sentinel://HOST:PORT,.../SERVICE or redis+cluster://HOST:PORT,..."
    )


def read_path_or_none(value: str) -> Path | None:
    """A path; None for an empty text."""
    return Path(value) if value else None


def read_key_file(value: str) -> Path | None:
    """A file that holds a key; None for an empty text."""
    path = read_path_or_none(value)
    if path is None:
        return None
    try:
        size = path.stat().st_size if path.is_file() else 0
    except OSError:
        size = 0
    if size < _KEY_BYTES_MIN:
        raise ValueError(f"must be a readable file of at least {_KEY_BYTES_MIN} random bytes")
    return path


def read_networks(value: str) -> tuple[str, ...]:
    """Networks in CIDR form, canonical."""
    try:
        return tuple(str(ipaddress.ip_network(part.strip())) for part in value.split(",") if part)
    except ValueError:
        raise ValueError(
            "must be networks or addresses with commas between, such as 10.0.0.0/8,::1"
        ) from None


def read_dns_servers(value: str) -> str:
    """`system`, `none`, or addresses of name servers, with ports where they are not 53."""
    if value in ("system", "none") or all(map(_is_server, value.split(","))):
        return value
    raise ValueError("must be system, none, or addresses such as 192.0.2.53,[2001:db8::53]:5353")


def _is_server(text: str) -> bool:
    bracketed = _BRACKETED.fullmatch(text)
    address, port = bracketed.groups() if bracketed else (text, None)
    if not bracketed and text.count(":") == 1:
        address, _, port = text.partition(":")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return port is None or (port.isascii() and port.isdigit() and 0 < int(port) < 65_536)


def read_header(value: str) -> str:
    """Name of a header, in lower case."""
    if _TOKEN.fullmatch(value):
        return value.lower()
    raise ValueError("must be the name of a header, such as x-user-id")


def read_cookie(value: str) -> str:
    """Name of a cookie."""
    if _TOKEN.fullmatch(value):
        return value
    raise ValueError("must be the name of a cookie, such as session")
