"""What the simulated shop answers: status, size and time of each route."""

import random

from riskengine.records.lines import OutcomeLine

# status, bytes (median), latency in ms (median)
_ROUTES: dict[str, tuple[int, int, float]] = {
    "home": (200, 31_000, 42.0),
    "category": (200, 38_000, 55.0),
    "product": (200, 27_000, 38.0),
    "search": (200, 33_000, 88.0),
    "suggest-api": (200, 420, 12.0),
    "stock-api": (200, 64, 6.0),
    "cart-add": (201, 180, 31.0),
    "cart": (200, 14_000, 35.0),
    "checkout": (200, 17_000, 40.0),
    "checkout-submit": (303, 0, 310.0),
    "login-form": (200, 9_000, 18.0),
    "login": (303, 0, 145.0),
    "account": (200, 16_000, 47.0),
    "static": (200, 46_000, 2.5),
    "images": (200, 58_000, 4.0),
    "favicon": (200, 4_300, 1.5),
    "robots": (200, 310, 1.5),
    "sitemap": (200, 52_000, 9.0),
    "missing": (404, 2_100, 9.0),
}
_ERROR_BYTES = 2_100


def draw_outcome(rng: random.Random, route: str, status: int = 0) -> OutcomeLine:
    """An answer of a route; `status` where the story wants another one than success."""
    usual, size, latency_ms = _ROUTES[route]
    status = status or usual
    return OutcomeLine(
        status=status,
        bytes=_size(rng, status, size),
        latency_ms=round(latency_ms * rng.lognormvariate(0.0, 0.35), 1),
    )


def _size(rng: random.Random, status: int, median: int) -> int:
    if status == 304:
        return 0
    return int((_ERROR_BYTES if status >= 400 else median) * (0.8 + 0.4 * rng.random()))
