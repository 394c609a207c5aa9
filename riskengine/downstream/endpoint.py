"""Where a call can go."""

import re
from dataclasses import dataclass

_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", re.ASCII)
_UNIX = "unix:"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One instance of a service: the key of every table in this package."""

    address: str
    """`10.0.0.1:8080`, `[::1]:80`, `shop.internal:443` or `unix:/run/shop.sock`."""
    weight: int = 1
    """Share of the calls, in proportion to the weights of the others; at least 1."""
    priority: int = 0
    """0 is primary; 1, 2 ... are backups, used as far as those before them are not healthy."""
    zone: str = ""
    """Where it runs; a client that has a zone of its own prefers that."""

    def __post_init__(self) -> None:
        if not self.address.startswith(_UNIX) and not is_host_port(self.address):
            raise ValueError(
                f"address: must be HOST:PORT, [IPV6]:PORT or unix:PATH, got {self.address!r}"
            )
        if self.weight < 1:
            raise ValueError(f"weight: must be a whole number above 0, got {self.weight}")
        if self.priority < 0:
            raise ValueError(f"priority: must be 0 or more, got {self.priority}")

    def __hash__(self) -> int:
        # Every call looks it up in several tables; a text remembers its own hash.
        return hash(self.address)

    @property
    def unix_path(self) -> str | None:
        """Path of the socket; None for an address of the network."""
        return self.address.removeprefix(_UNIX) if self.address.startswith(_UNIX) else None

    @property
    def host(self) -> str:
        """Host without brackets; `localhost` for a socket in the file system."""
        if self.unix_path is not None:
            return "localhost"
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Port; 0 for a socket in the file system."""
        return 0 if self.unix_path is not None else int(self.address.rpartition(":")[2])


def is_host_port(text: str) -> bool:
    """Whether `text` names a host and a port that can be called."""
    match = _HOST_PORT.fullmatch(text)
    return match is not None and 0 < int(match[2]) <= 65_535
