"""Asks one hyperscan database what a value holds."""

import hyperscan

from riskengine.seclang.pattern_database import Compiled

_KEPT_MAX = 32_768
_LENGTH_MAX = 256


class Scanner:
    """Finds the bits of all patterns in a value. Not for several threads at once."""

    def __init__(self, compiled: Compiled, bits: dict[int, int], of_empty: int) -> None:
        """`bits` are those of each id; `of_empty` is what an empty value holds."""
        self._database: hyperscan.Database | _NoPatterns = _NoPatterns()
        if compiled.data:
            self._database = hyperscan.loadb(compiled.data, hyperscan.HS_MODE_BLOCK)
            self._database.scratch = hyperscan.Scratch(self._database)
        self._bits = bits
        self._found = 0
        self._of_empty = of_empty
        self._known: dict[bytes, int] = {}

    def bits_in(self, value: bytes) -> int:
        """Bits of the patterns that `value` holds."""
        if not value:
            return self._of_empty
        known = self._known.get(value)
        if known is not None:
            return known
        self._found = 0
        self._database.scan(value, self._note)
        if len(value) <= _LENGTH_MAX:
            if len(self._known) >= _KEPT_MAX:
                self._known.clear()
            self._known[value] = self._found
        return self._found

    def _note(self, place: int, start: int, end: int, flags: int, context: object) -> None:
        self._found |= self._bits[place]


class _NoPatterns:
    """Stands for a database of nothing, which hyperscan does not make."""

    def scan(self, value: bytes, note: object) -> None:
        """Finds nothing."""
