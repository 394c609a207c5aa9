"""Addresses that a service listens on."""

import contextlib
import socket
from collections.abc import Iterator

from riskengine.errors import SettingsError


def split_listen(listen: str) -> tuple[str, int]:
    """Host (without brackets) and port of a HOST:PORT that settings have checked."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


@contextlib.contextmanager
def reserved(listen: str, flag: str) -> Iterator[str]:
    """HOST:PORT in numbers, with a free port in place of 0, ours for as long as the block runs.

    Workers then share the port (SO_REUSEPORT), and so could a second service by mistake: the
    first bind, without that option, refuses an address that somebody listens on. A socket that
    is bound and does not listen gets no connections. SettingsError names `flag`.
    """
    host, port = split_listen(listen)
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with _bound(family, address, share=False) as probe:
            port = probe.getsockname()[1]
        address = (address[0], port, *address[2:])
        holder = _bound(family, address, share=True)
    except OSError as error:
        raise SettingsError(f"{flag} {listen}: {error.strerror or error}") from None
    with holder:
        numeric = str(address[0])
        yield f"[{numeric}]:{port}" if family == socket.AF_INET6 else f"{numeric}:{port}"


def _bound(
    family: socket.AddressFamily, address: tuple[object, ...], *, share: bool
) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
