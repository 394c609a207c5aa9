"""The quantiles of the latest latencies."""

from bisect import bisect_left, insort
from collections import deque


class Latencies:
    """The last `count` latencies in seconds, kept in order of time and of size."""

    def __init__(self, count: int = 200) -> None:
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []
        self._count = count

    def __len__(self) -> int:
        return len(self._latest)

    def add(self, latency_s: float) -> None:
        """Take one in, and the oldest out when there are too many."""
        if len(self._latest) == self._count:
            self._sorted.pop(bisect_left(self._sorted, self._latest.popleft()))
        self._latest.append(latency_s)
        insort(self._sorted, latency_s)

    def quantile(self, share: float) -> float | None:
        """The latency that `share` (0..1) of them do not exceed; None without any."""
        if not self._sorted:
            return None
        return self._sorted[min(len(self._sorted) - 1, int(share * len(self._sorted)))]
