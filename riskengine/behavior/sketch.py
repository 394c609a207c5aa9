"""Counts distinct things in 128 bytes, however many there are.

Linear counting (Whang, Vander-Zanden, Taylor 1990): every thing sets one of 1024 bits, and the
number of bits still unset tells how many there were; within about 3 % up to some hundreds.
"""

from math import log

BITS = 1024
_MASK = BITS - 1
_ESTIMATES = (*(-BITS * log(1 - used / BITS) for used in range(BITS)), BITS * log(BITS))


def add(bits: int, place: int) -> int:
    """`bits` with the thing of number `place` in it."""
    return bits | 1 << (place & _MASK)


def holds(bits: int, place: int) -> bool:
    """Whether the thing of number `place` was added; seldom also true when it was not."""
    return bits >> (place & _MASK) & 1 == 1


def distinct(bits: int) -> float:
    """How many distinct things were added, about."""
    return _ESTIMATES[bits.bit_count()]
