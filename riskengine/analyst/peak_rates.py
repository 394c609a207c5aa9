"""What a limit would do to one client, from the times of its requests: exact sliding windows."""

from collections.abc import Sequence


def peak(times: Sequence[float], window_s: float) -> int:
    """Most requests in any window that ends with one of them; `times` ascend, seconds."""
    most = start = 0
    for place, at in enumerate(times):
        while at - times[start] >= window_s:
            start += 1
        most = max(most, place - start + 1)
    return most


def refused(times: Sequence[float], window_s: float, limit: int) -> int:
    """Requests that `limit` would refuse, when a refused one uses nothing up."""
    admitted: list[float] = []
    for at in times:
        if len(admitted) < limit or at - admitted[-limit] >= window_s:
            admitted.append(at)
    return len(times) - len(admitted)
