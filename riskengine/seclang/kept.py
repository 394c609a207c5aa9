"""Answers about parts of requests that real clients send over and over."""

from typing import Generic, TypeVar

Answer = tuple[int, int]
"""Bits of the conditions that hold, and what finding that out costs."""

_LENGTH_MAX = 4_096
_ROOM = 8 << 20
_OVERHEAD = 256
"""Bytes that one answer takes beside what it is about, roughly."""

Key = TypeVar("Key")


class Kept(Generic[Key]):
    """Answers by what they are about; all are forgotten when they take more than 8 MiB."""

    __slots__ = ("_room", "get", "known")

    def __init__(self) -> None:
        self.known: dict[Key, Answer] = {}
        self.get = self.known.get
        self._room = _ROOM

    def keep(self, key: Key, answer: Answer, length: int) -> Answer:
        """`answer`, remembered unless it is about more than 4 KiB."""
        if length <= _LENGTH_MAX:
            self._room -= length + _OVERHEAD
            if self._room < 0:
                self.known.clear()
                self._room = _ROOM
            self.known[key] = answer
        return answer
