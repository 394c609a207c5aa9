"""Networks as analysts write them: one strict reading, no network is guessed."""

import re
import socket
from collections.abc import Iterator
from typing import Annotated, NamedTuple

from pydantic import PlainValidator, WithJsonSchema

from riskengine.ruleset.fields import show

_WRITTEN = re.compile(r"([0-9A-Fa-f:.]+)(?:/(0|[1-9][0-9]{0,2}))?", re.ASCII)
_MAPPED = b"\x00" * 10 + b"\xff\xff"


class Network(NamedTuple):
    """A range of addresses. Sorts so that a network comes right before those inside it."""

    packed: bytes
    """First address: 4 or 16 bytes in network order."""
    length: int
    """Length of the prefix, in bits."""

    def __str__(self) -> str:
        family = socket.AF_INET if len(self.packed) == 4 else socket.AF_INET6
        return f"{socket.inet_ntop(family, self.packed)}/{self.length}"

    @property
    def last(self) -> bytes:
        """Last address, in the form of `packed`."""
        size = len(self.packed)
        hosts = (1 << (8 * size - self.length)) - 1
        return (int.from_bytes(self.packed) | hosts).to_bytes(size)


def read_network(value: object) -> Network:
    """The network of `192.0.2.0/24`, `2001:db8::/32` or of a single address.

    A network inside `::ffff:0:0/96` becomes the IPv4 network it stands for, as addresses do.
    ValueError says what would be right: where bits behind the prefix are set, which network.
    """
    if isinstance(value, Network):
        return value
    written = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    packed = _pack(written[1]) if written else b""
    if written is None or not packed:
        raise ValueError(f"must be an address or a network such as 192.0.2.0/24, got {show(value)}")
    bits = 8 * len(packed)
    length = bits if written[2] is None else int(written[2])
    if length > bits:
        raise ValueError(f"must have a prefix of at most {bits} bits, got {show(value)}")
    network = _cut(packed, length)
    if network.packed != packed:
        raise ValueError(
            f"must not have bits set behind its prefix, got {show(value)}; "
            f"write {network}, or {Network(packed, bits)} for the one address"
        )
    return _unmapped(network)


def read_network_list(text: str) -> Iterator[tuple[int, Network | ValueError]]:
    """Line number and network of each line; `#` and `;` begin a comment.

    A line that cannot be read comes as the error that says what would be right.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.partition("#")[0].partition(";")[0].strip()
        if written:
            yield number, _try_read(written)


def _try_read(written: str) -> Network | ValueError:
    try:
        return read_network(written)
    except ValueError as error:
        return error


def _pack(text: str) -> bytes:
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        return b""


def _cut(packed: bytes, length: int) -> Network:
    hosts = 8 * len(packed) - length
    return Network((int.from_bytes(packed) >> hosts << hosts).to_bytes(len(packed)), length)


def _unmapped(network: Network) -> Network:
    if len(network.packed) == 16 and network.length >= 96 and network.packed.startswith(_MAPPED):
        return Network(network.packed[12:], network.length - 96)
    return network


WrittenNetwork = Annotated[
    Network, PlainValidator(read_network), WithJsonSchema({"type": "string"})
]
