"""What bytes a value holds, as far as transformations and databases differ by them."""

from riskengine.seclang.pattern_database import ALPHABETS
from riskengine.seclang.transform_triggers import TRIGGERS

Kind = tuple[frozenset[str], int]
"""The transformations that a byte triggers, and the smallest alphabet that it belongs to."""


def _kind_of(byte: int) -> Kind:
    triggered = frozenset(name for name, triggers in TRIGGERS.items() if byte in triggers)
    inside = [place for place, alphabet in enumerate(ALPHABETS) if byte in alphabet]
    return triggered, min(inside, default=len(ALPHABETS))


_KINDS = sorted(
    {_kind_of(byte) for byte in range(256)}, key=lambda kind: (sorted(kind[0]), kind[1])
)
KINDS: tuple[Kind, ...] = tuple(_KINDS)

TABLE = bytes(KINDS.index(_kind_of(byte)) for byte in range(256))
"""For `bytes.translate`: each byte's place in KINDS."""

PLAIN = bytes(byte for byte in range(256) if _kind_of(byte) == (frozenset(), 0))
"""Bytes that trigger nothing and are in all alphabets."""


def kinds_of(value: bytes) -> frozenset[int]:
    """The kinds of bytes in `value`, plain ones left out."""
    return frozenset(value.translate(TABLE, PLAIN))


def triggered_by(kinds: frozenset[int]) -> frozenset[str]:
    """The transformations that may change a value of these kinds of bytes."""
    return frozenset[str]().union(*[KINDS[kind][0] for kind in kinds])


def alphabet_of(kinds: frozenset[int]) -> int:
    """The smallest alphabet that has them all; one more than there are where none has."""
    return max((KINDS[kind][1] for kind in kinds), default=0)
