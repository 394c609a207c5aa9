"""Applies lists of transformations, each step once per value."""

from riskengine.seclang.transforms import TRANSFORMS

Chain = tuple[str, ...]


class Transforming:
    """Remembers what every list of transformations made of every value, prefixes included."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[Chain, bytes], bytes] = {}

    def apply(self, chain: Chain, value: bytes) -> bytes:
        """`value` after all steps of `chain`."""
        if not chain:
            return value
        key = (chain, value)
        known = self._known.get(key)
        if known is None:
            known = TRANSFORMS[chain[-1]](self.apply(chain[:-1], value))
            self._known[key] = known
        return known

    def steps(self, chain: Chain, value: bytes) -> list[bytes]:
        """`value` before and after each step of `chain` that changes it."""
        values = [value]
        for length in range(1, len(chain) + 1):
            changed = self.apply(chain[:length], value)
            if changed != values[-1]:
                values.append(changed)
        return values
