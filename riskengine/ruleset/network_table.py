"""Finds the listed networks that hold an address, in about a microsecond however many there are."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from riskengine.ruleset.network_set import NetworkSet, Note
from riskengine.ruleset.networks import Network

_HALF = (1 << 64) - 1


class Listed(NamedTuple):
    """One entry of one list that holds an address."""

    network: Network
    member: int
    """Which of the table's lists it stands on, counted from 0."""
    note: Note


class NetworkTable:
    """All networks of several lists, of both address families."""

    def __init__(self, members: Sequence[NetworkSet]) -> None:
        self._families = {size: _Family(members, size) for size in (4, 16)}
        self._find_narrow = self._families[4].find
        self._find_wide = self._families[16].find

    def find(self, packed: bytes) -> int:
        """The innermost listed network that holds an address, for `entries`; -1 where none does."""
        return self._find_narrow(packed) if len(packed) == 4 else self._find_wide(packed)

    def entries(self, packed: bytes, found: int) -> Iterator[Listed]:
        """The network that `find` found and all listed ones around it, from the inside out."""
        return self._families[len(packed)].entries(found)


class _Family:
    """The networks of one address size, cut into ranges that are found by bisection.

    Networks nest or are apart, so the innermost listed network changes only where one begins or
    ends. Arrays of machine numbers keep all steps of a search in the processor's cache: a million
    networks cost twice what a thousand cost, a list of Python objects five times. Nothing is
    hashed, so whoever chooses addresses gains nothing.
    """

    def __init__(self, members: Sequence[NetworkSet], size: int) -> None:
        self._size = size
        self._member_notes = [member.notes for member in members]
        packed = [member.packed(size) for member in members]
        counts = [len(one.lengths) for one in packed]
        addresses = b"".join(one.addresses for one in packed)
        order, starts, lasts, lengths = _sorted(
            addresses, np.concatenate([one.lengths for one in packed] or [_EMPTY]), size
        )
        self._lengths = lengths.tobytes()
        self._addresses = _gather(addresses, order, size)
        self._members = _array("I", np.repeat(np.arange(len(counts)), counts)[order])
        self._notes = _array(
            "I", np.concatenate([one.notes for one in packed] or [_NO_NOTES])[order]
        )
        self._around = array("i")
        begins, inner = self._cut(starts, lasts)
        self.find = (_Narrow(begins, inner) if size == 4 else _Wide(begins, inner)).find

    def entries(self, found: int) -> Iterator[Listed]:
        while found >= 0:
            start = self._size * found
            network = Network(self._addresses[start : start + self._size], self._lengths[found])
            member = self._members[found]
            yield Listed(network, member, self._member_notes[member][self._notes[found]])
            found = self._around[found]

    def _cut(self, starts: list[int], lasts: list[int]) -> tuple[list[int], "array[int]"]:
        """Where each range begins, and the innermost network of each; fills `_around`."""
        begins, inner = [0], array("i", [-1])
        around, end = self._around, 1 << 8 * self._size
        inside = -1

        def begin(at: int, network: int) -> None:
            if begins[-1] == at:
                inner[-1] = network
            else:
                begins.append(at)
                inner.append(network)

        for entry, start in enumerate(starts):
            while inside >= 0 and lasts[inside] < start:
                after, inside = lasts[inside] + 1, around[inside]
                begin(after, inside)
            around.append(inside)
            inside = entry
            begin(start, entry)
        while inside >= 0 and lasts[inside] + 1 < end:
            after, inside = lasts[inside] + 1, around[inside]
            begin(after, inside)
        return begins, inner


class _Narrow:
    """Ranges of 32-bit addresses: the first bits of an address say where to search the rest.

    There are as many bits as leave a few ranges for each of their values, so that a search takes
    the same steps among a thousand networks and among a million.
    """

    def __init__(self, begins: list[int], inner: "array[int]") -> None:
        self._inner = inner
        self._begins = array("I", begins)
        bits = min(20, max(1, len(begins).bit_length() - 2))
        self._shift = 32 - bits
        first = np.array(begins, dtype=np.uint32) >> np.uint32(self._shift)
        self._first = _array("I", np.searchsorted(first, np.arange((1 << bits) + 1)))

    def find(self, packed: bytes) -> int:
        value = int.from_bytes(packed)
        bits = value >> self._shift
        after = bisect_right(self._begins, value, self._first[bits], self._first[bits + 1])
        return self._inner[after - 1]


class _Wide:
    """Ranges of 128-bit addresses as two halves; the lower one seldom has to be looked at.

    As above, the first bits say where to search; those of what lies between the first and the last
    listed network, because all there is lies in an eighth of the address space.
    """

    def __init__(self, begins: list[int], inner: "array[int]") -> None:
        self._inner = inner
        self._upper = array("Q", [begin >> 64 for begin in begins])
        self._lower = array("Q", [begin & _HALF for begin in begins])
        self._base = self._upper[min(1, len(begins) - 1)]
        span = self._upper[-1] - self._base
        bits = min(20, max(1, len(begins).bit_length() - 2))
        self._shift = max(0, span.bit_length() - bits)
        self._parts = (span >> self._shift) + 1
        listed = np.array(self._upper[1:], dtype=np.uint64) - np.uint64(self._base)
        part = listed >> np.uint64(self._shift)
        starts = np.searchsorted(part, np.arange(self._parts + 1, dtype=np.uint64))
        self._first = _array("I", starts + 1)  # the range that begins at :: stands before them

    def find(self, packed: bytes) -> int:
        upper = int.from_bytes(packed[:8])
        part = (upper - self._base) >> self._shift
        if part < 0:
            return self._inner[0]
        if part >= self._parts:
            return self._inner[-1]
        first = self._first[part]
        after = bisect_right(self._upper, upper, first, self._first[part + 1])
        if self._upper[after - 1] != upper:
            return self._inner[after - 1]
        first = bisect_left(self._upper, upper, first - 1, after)
        return self._inner[bisect_right(self._lower, int.from_bytes(packed[8:]), first, after) - 1]


_EMPTY: NDArray[np.uint8] = np.array([], dtype=np.uint8)
_NO_NOTES: NDArray[np.uint32] = np.array([], dtype=np.uint32)


def _sorted(
    addresses: bytes, lengths: NDArray[np.uint8], size: int
) -> tuple[NDArray[np.int64], list[int], list[int], NDArray[np.uint8]]:
    """The order in which a network comes before those inside it; first and last addresses."""
    if size == 4:
        words = np.frombuffer(addresses, dtype=">u4").astype(np.uint64)
        order = np.lexsort((lengths, words))
        lengths = lengths[order]
        starts = words[order]
        hosts = (np.uint64(1) << (np.uint64(32) - lengths.astype(np.uint64))) - np.uint64(1)
        return order, starts.tolist(), (starts | hosts).tolist(), lengths
    halves = np.frombuffer(addresses, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    order = np.lexsort((lengths, halves[:, 1], halves[:, 0]))
    lengths = lengths[order]
    firsts = [high << 64 | low for high, low in halves[order].tolist()]
    lasts = [
        first | (1 << 128 - length) - 1
        for first, length in zip(firsts, lengths.tolist(), strict=True)
    ]
    return order, firsts, lasts, lengths


def _gather(addresses: bytes, order: NDArray[np.int64], size: int) -> bytes:
    return np.frombuffer(addresses, dtype=np.uint8).reshape(-1, size)[order].tobytes()


def _array(kind: str, values: NDArray[np.generic]) -> "array[int]":
    """An array of machine numbers that yields plain ints: numpy's own take ten times as long."""
    filled: array[int] = array(kind)
    filled.frombytes(values.astype(np.dtype(kind)).tobytes())
    return filled
