"""What was found out about all values of a variable."""

from typing import NamedTuple


class Seen(NamedTuple):
    """Which conditions hold for the entries of a variable, as bits."""

    bits: list[int]
    """Those of each entry, in order."""
    all_bits: int
    """Those that hold for any."""
