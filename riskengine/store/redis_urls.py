"""What a store's URL says: which servers, and how to connect to them."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool, Sentinel
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff

SENTINEL, CLUSTER = "+sentinel", "+cluster"
SERVERS = (
    "unix://",
    *(f"{scheme}{kind}://" for scheme in ("redis", "rediss") for kind in ("", SENTINEL, CLUSTER)),
)
"""How the URL of a store that is a server begins."""

_SENTINEL_PORT, _PORT = 26_379, 6_379

Address = tuple[str, int]


class ManyServers(NamedTuple):
    """A URL that names several servers."""

    addresses: list[Address]
    name: str
    """The path: the service that sentinels watch."""
    options: dict[str, Any]
    """Keyword arguments of a connection, as redis-py reads them: user, password, TLS."""
    tls: bool


def connector(url: str) -> Callable[[], AbstractConnection]:
    """Makes connections to the one server of a URL, or to the master that its sentinels name.

    `redis://`, `rediss://`, `unix://`, and `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE`. What
    follows `?` is for redis-py (`ssl_ca_certs`, `ssl_certfile`, ...); with sentinels,
    `sentinel_username` and `sentinel_password` are for them. Raises ValueError.
    """
    if SENTINEL in urlsplit(url).scheme:
        return sentinel_pool(url, no_patience()).make_connection
    pool = ConnectionPool.from_url(url, **no_patience())
    return pool.make_connection


def node_connector(servers: ManyServers, address: Address) -> Callable[[], AbstractConnection]:
    """Makes connections to one node of a cluster."""
    options = {**servers.options, **no_patience(), "host": address[0], "port": address[1]}
    pool = ConnectionPool(**options)
    return pool.make_connection


def read_many(url: str, *, port: int = _PORT) -> ManyServers:
    """Servers and options of a URL with commas between its hosts; ValueError where it is none."""
    parts = urlsplit(url)
    scheme, _, _ = parts.scheme.partition("+")
    login, at, hosts = parts.netloc.rpartition("@")
    addresses = [_address(host, port) for host in hosts.split(",")]
    plain = f"{scheme}://{login}{at}localhost?{parts.query}"
    options = {key: value for key, value in parse_url(plain).items() if key not in ("host", "port")}
    return ManyServers(addresses, parts.path.strip("/"), options, scheme == "rediss")


def no_patience() -> dict[str, Any]:
    """Options that leave budgets and repetition to us, around connecting, sending and reading."""
    return {
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "protocol": 2,
        "driver_info": None,
    }


def sentinel_pool(url: str, own_options: dict[str, Any]) -> SentinelConnectionPool:
    """Connections to whichever master the sentinels of a URL name; ValueError as `connector`."""
    servers = read_many(url, port=_SENTINEL_PORT)
    if not servers.name:
        raise ValueError("must name the service behind the sentinels: redis+sentinel://HOST/NAME")
    options = dict(servers.options)
    options.pop("connection_class", None)
    own: dict[str, Any] = {
        key: options.pop(f"sentinel_{key}")
        for key in ("username", "password")
        if f"sentinel_{key}" in options
    }
    own["retry"] = Retry(NoBackoff(), 0)
    sentinel = Sentinel(servers.addresses, sentinel_kwargs=own)  # type: ignore[no-untyped-call] # redis-py's signature
    return SentinelConnectionPool(  # type: ignore[no-untyped-call] # redis-py's signature
        servers.name, sentinel, ssl=servers.tls, **{**options, **own_options}
    )


def _address(text: str, port: int) -> Address:
    host, colon, number = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, number = text, str(port)
    if not host or not number.isdigit() or int(number) > 65_535:
        raise ValueError(f"must name servers as HOST:PORT with commas between, got {text!r}")
    return host.strip("[]"), int(number)
