"""Networks as analysts write them: one strict reading, no network is guessed."""

import socket
from socket import AF_INET, AF_INET6, inet_pton
from typing import Annotated, NamedTuple

from pydantic import PlainValidator, WithJsonSchema

from riskengine.ruleset.fields import show

# A prefix length has one spelling: no sign, no leading zero, no other script's digits.
_LENGTHS = {str(length): length for length in range(1_000)}
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
    """The network of `192.0.2.0/24`, `2001:db8::/32` or of a single address; about 1 us.

    A network inside `::ffff:0:0/96` becomes the IPv4 network it stands for, as addresses do.
    ValueError says what would be right: where bits behind the prefix are set, which network.
    """
    if isinstance(value, Network):
        return value
    if not isinstance(value, str):
        raise ValueError(_unreadable(value))  # noqa: TRY004 - pydantic reports ValueErrors
    address, slash, written = value.partition("/")
    try:
        packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, ValueError):  # ValueError: a NUL inside, or not ASCII
        raise ValueError(_unreadable(value)) from None
    bits = 8 * len(packed)
    length = _LENGTHS.get(written) if slash else bits
    if length is None:
        raise ValueError(_unreadable(value))
    if length > bits:
        raise ValueError(f"must have a prefix of at most {bits} bits, got {show(value)}")
    if int.from_bytes(packed) & (1 << bits - length) - 1:
        raise ValueError(
            f"must not have bits set behind its prefix, got {show(value)}; "
            f"write {_cut(packed, length)}, or {Network(packed, bits)} for the one address"
        )
    if bits == 128 and length >= 96 and packed.startswith(_MAPPED):
        return Network(packed[12:], length - 96)
    return Network(packed, length)


def _unreadable(value: object) -> str:
    return f"must be an address or a network such as 192.0.2.0/24, got {show(value)}"


def _cut(packed: bytes, length: int) -> Network:
    hosts = 8 * len(packed) - length
    return Network((int.from_bytes(packed) >> hosts << hosts).to_bytes(len(packed)), length)


WrittenNetwork = Annotated[
    Network, PlainValidator(read_network), WithJsonSchema({"type": "string"})
]
