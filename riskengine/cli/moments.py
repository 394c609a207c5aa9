"""Moments and spans of time as people read them."""

from datetime import UTC, datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def shown_moment(at: float) -> str:
    """`2026-12-31 18:00:00Z` for seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def shown_age(seconds: float) -> str:
    """`3d`, `5h`, `12m`, `7s`: the largest unit that fits."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(0.0, seconds):.0f}s"
