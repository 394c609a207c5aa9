"""The most frequent of very many keys, in little memory.

Space-saving in its mergeable form (Metwally et al. 2005; Agarwal et al., "Mergeable summaries",
2012): what is let go raises a floor, and a key that comes anew starts from that floor.
"""

from collections.abc import Mapping
from heapq import nlargest
from operator import itemgetter
from typing import NamedTuple


class Heavy(NamedTuple):
    """A frequent key. It came at most `times`, and at least `times - error`."""

    key: str
    times: int
    error: int


class HeavyKeys:
    """Keeps `capacity` keys. A key that is not kept came `floor` times at most."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._counts: dict[str, int] = {}
        self._errors: dict[str, int] = {}
        self.floor = 0

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, counts: Mapping[str, int]) -> None:
        """Add how often each key came; any number of keys."""
        known, errors, floor = self._counts, self._errors, self.floor
        for key, count in counts.items():
            if key in known:
                known[key] += count
            else:
                known[key] = count + floor
                errors[key] = floor
        if len(known) > self._capacity:
            self._shrink()

    def top(self, number: int) -> list[Heavy]:
        """The most frequent keys, first those that came most."""
        most = nlargest(number, self._counts.items(), key=itemgetter(1))
        return [Heavy(key, count, self._errors[key]) for key, count in most]

    def _shrink(self) -> None:
        ordered = nlargest(self._capacity + 1, self._counts.items(), key=itemgetter(1))
        self.floor = max(self.floor, ordered.pop()[1])
        self._counts = dict(ordered)
        self._errors = {key: self._errors[key] for key in self._counts}
