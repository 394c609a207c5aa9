"""Asks hyperscan databases what a value holds: the smallest that knows its bytes."""

import hyperscan

from riskengine.seclang.pattern_database import Compiled


class Scanner:
    """Finds the bits of all patterns in a value. Not for several threads at once."""

    def __init__(self, compiled: Compiled, bits: dict[int, int], of_empty: int) -> None:
        """`bits` are those of each id; `of_empty` is what an empty value holds."""
        whole = _loaded(compiled.data).scan
        self._scans = [*[_loaded(one.data).scan for one in compiled.restricted], whole]
        """For values of each alphabet, smallest first."""
        self._bits = bits
        self._found = 0
        self._of_empty = of_empty

    def bits_in(self, value: bytes, alphabet: int) -> int:
        """Bits of the patterns that `value` holds; `alphabet` is the place of one that has it."""
        if not value:
            return self._of_empty
        self._found = 0
        self._scans[alphabet](value, self._note)
        return self._found

    def _note(self, place: int, start: int, end: int, flags: int, context: object) -> None:
        self._found |= self._bits[place]


def _loaded(data: bytes) -> "hyperscan.Database | _NoPatterns":
    if not data:
        return _NoPatterns()
    database = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)
    return database


class _NoPatterns:
    """Stands for a database of nothing, which hyperscan does not make."""

    def scan(self, value: bytes, note: object) -> None:
        """Finds nothing."""
