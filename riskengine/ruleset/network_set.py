"""Many networks in little room: what a list holds, packed into arrays."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from riskengine.ruleset.networks import Network


class Note(NamedTuple):
    """What a list says about one of its networks."""

    reason: str = ""
    owner: str = ""
    expires_at: float | None = None
    """Seconds since the epoch from which the entry counts no more."""


NO_NOTE = Note()


class Packed(NamedTuple):
    """Networks of one address family, in the order in which they were listed."""

    addresses: bytes
    """First addresses, 4 or 16 bytes each."""
    lengths: NDArray[np.uint8]
    notes: NDArray[np.uint32]
    """For each network the place of its note in `NetworkSet.notes`."""


class NetworkSet:
    """The networks of one list: 9 bytes each for IPv4 and 21 for IPv6, and each note once."""

    __slots__ = ("_packed", "notes")

    def __init__(self, packed: Mapping[int, Packed], notes: tuple[Note, ...]) -> None:
        """`packed` by size of an address, 4 and 16; made by `NetworkSetBuilder` or `of`."""
        self._packed = packed
        self.notes = notes

    @classmethod
    def of(cls, networks: Iterable[Network]) -> "NetworkSet":
        """The set of networks that nothing is said about."""
        builder = NetworkSetBuilder()
        for network in networks:
            builder.add(network)
        return builder.build()

    def packed(self, size: int) -> Packed:
        """The networks whose addresses have `size` bytes."""
        return self._packed[size]

    def __len__(self) -> int:
        """How many networks were listed, repeated ones included."""
        return sum(len(packed.lengths) for packed in self._packed.values())

    def __iter__(self) -> Iterator[tuple[Network, Note]]:
        for size, (addresses, lengths, notes) in self._packed.items():
            for at, (length, note) in enumerate(zip(lengths.tolist(), notes.tolist(), strict=True)):
                start = size * at
                yield Network(addresses[start : start + size], length), self.notes[note]


class NetworkSetBuilder:
    """Takes networks one by one."""

    def __init__(self) -> None:
        self._columns = {4: _Columns(), 16: _Columns()}
        self._notes: dict[Note, int] = {NO_NOTE: 0}

    def add(self, network: Network, note: Note = NO_NOTE) -> None:
        """Add a network and what is said about it."""
        packed, length = network
        columns = self._columns[len(packed)]
        columns.addresses.append(packed)
        columns.lengths.append(length)
        columns.notes.append(0 if note is NO_NOTE else self._place(note))

    def build(self) -> NetworkSet:
        """The set of all that was added."""
        packed = {size: columns.packed() for size, columns in self._columns.items()}
        return NetworkSet(packed, tuple(self._notes))

    def _place(self, note: Note) -> int:
        return self._notes.setdefault(note, len(self._notes))


class _Columns:
    __slots__ = ("addresses", "lengths", "notes")

    def __init__(self) -> None:
        self.addresses: list[bytes] = []
        self.lengths = bytearray()
        self.notes: list[int] = []

    def packed(self) -> Packed:
        lengths = np.frombuffer(bytes(self.lengths), dtype=np.uint8)
        return Packed(b"".join(self.addresses), lengths, np.array(self.notes, dtype=np.uint32))
