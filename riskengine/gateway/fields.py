"""Field types of the gateway's configuration."""

import ipaddress
from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from riskengine.downstream.endpoint import is_host_port
from riskengine.ruleset.fields import show
from riskengine.setting_values import read_cookie, read_header, read_listen, read_store

HTTPS = "https://"


def _text(read: Callable[[str], str], words: str) -> tuple[BeforeValidator, WithJsonSchema]:
    """What reads a text, and what stands in the schema; a mistake says what is right."""

    def validate(value: object) -> str:
        try:
            if isinstance(value, str):
                return read(value)
        except ValueError:
            pass
        raise ValueError(f"must be {words}, got {show(value)}")

    return BeforeValidator(validate), WithJsonSchema(
        {"type": "string", "patternErrorMessage": words}
    )


def _endpoint(value: str) -> str:
    if value.startswith("unix:/") or is_host_port(value):
        return value
    raise ValueError


def _service(value: str) -> str:
    if not value.startswith(HTTPS):
        return _endpoint(value)
    host = value.removeprefix(HTTPS).removesuffix("/")
    if is_host_port(host):
        return HTTPS + host
    return HTTPS + _endpoint(f"{host}:443")


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value))


def _path(value: str) -> str:
    if value.startswith("/") and value.isascii() and value.isprintable() and " " not in value:
        return value
    raise ValueError


def _host(value: str) -> str:
    name = value.removeprefix("*.")
    if name and name.isascii() and name.replace("-", "a").replace(".", "a").isalnum():
        return value.lower()
    raise ValueError


def _file(value: str) -> str:
    if value and "\0" not in value:
        return value
    raise ValueError


_LISTEN = _text(read_listen, "HOST:PORT such as 0.0.0.0:8080 or [::1]:8080")
_ADDRESS = _text(_endpoint, "HOST:PORT, [IPV6]:PORT or unix:/PATH")
_SERVICE = _text(_service, "HOST:PORT, [IPV6]:PORT, unix:/PATH or https://HOST:PORT")
_STORE = _text(read_store, "memory, embedded or the URL of a Redis such as redis://HOST:PORT")
_NETWORK = _text(_network, "a network or an address such as 10.0.0.0/8 or ::1")
_HEADER = _text(read_header, "the name of a header such as x-user-id")
_COOKIE = _text(read_cookie, "the name of a cookie such as session")
_URL_PATH = _text(_path, "a path that begins with /, such as /api")
_HOST = _text(_host, "a host name such as shop.example or *.shop.example, without port")
_FILE = _text(_file, "the path of a file, relative to this one")

Listen = Annotated[str, *_LISTEN]
EndpointAddress = Annotated[str, *_ADDRESS]
ServiceAddress = Annotated[str, *_SERVICE]
StoreName = Annotated[str, *_STORE]
Network = Annotated[str, *_NETWORK]
HeaderName = Annotated[str, *_HEADER]
CookieName = Annotated[str, *_COOKIE]
UrlPath = Annotated[str, *_URL_PATH]
HostName = Annotated[str, *_HOST]
FilePath = Annotated[str, *_FILE]
