"""A client's profile as numbers: what the model sees, and nothing else.

docs/behavior.md explains each. Everything is known when the request arrives; a feature that cannot
be known is NaN, never zero. Rates, counts and times are logarithms, because the difference
between 1 and 2 means more than that between 101 and 102.
"""

from math import exp, log1p, nan

from riskengine.behavior import sketch
from riskengine.behavior.client import HORIZONS_S, Profile

NAMES: tuple[str, ...] = (
    "rate_10s",
    "rate_1m",
    "rate_10m",
    "age",
    "gap_mean",
    "gap_spread",
    "quick_share",
    "page_share",
    "asset_share",
    "api_share",
    "post_share",
    "query_share",
    "distinct_pages",
    "revisit_share",
    "distinct_products",
    "product_share",
    "depth",
    "referer_share",
    "linked_share",
    "language_share",
    "encoding_share",
    "fetch_share",
    "agent_changes",
    "cookie_share",
    "carts_per_product",
    "checkout_share",
    "checkout_time",
    "login_share",
    "error_share",
    "auth_error_share",
    "stopped_share",
)
"""The columns, in order. A model knows them by name and refuses any other list."""

HEADER_FEATURES = frozenset({"referer_share", "language_share", "encoding_share", "fetch_share"})
"""NaN until a request came whose source tells all headers."""

GAPS_MIN = 5
"""Gaps that must have been seen before their spread means anything."""

OUTCOME_FEATURES = frozenset({"error_share", "auth_error_share"})
"""NaN until an outcome was reported."""


def vector(profile: Profile, at: float) -> list[float]:
    """The features of a client at `at` (seconds since the epoch), in the order of `NAMES`.

    The profile must have learned from one request at least.
    """
    p = profile
    elapsed = max(at - p.last_at, 0.0)
    short, middle, long = p.rate_short, p.rate_middle, p.rate_long
    if elapsed:  # seldom: a profile is looked at when it has just learned
        short *= exp(-elapsed / HORIZONS_S[0])
        middle *= exp(-elapsed / HORIZONS_S[1])
        long *= exp(-elapsed / HORIZONS_S[2])
    requests, pages, headed, answers = p.requests, p.pages, p.headed, p.answers
    seen = sketch.distinct(p.places)
    return [
        log1p(short),
        log1p(middle),
        log1p(long),
        log1p(max(at - p.first_at, 0.0)),
        p.gap_mean if p.gaps else nan,
        p.gap_square**0.5 if p.gaps >= GAPS_MIN else nan,
        p.quick / p.gaps if p.gaps else nan,
        pages / requests,
        p.assets / requests,
        p.apis / requests,
        p.posts / requests,
        p.queries / requests,
        log1p(seen),
        max(1 - seen / pages, 0.0) if pages else nan,
        log1p(sketch.distinct(p.product_places)),
        p.products / pages if pages else nan,
        p.depth / pages if pages else nan,
        p.referred / p.pages_headed if p.pages_headed else nan,
        p.linked / p.referred_here if p.referred_here else nan,
        p.languages / headed if headed else nan,
        p.encodings / headed if headed else nan,
        p.fetches / headed if headed else nan,
        log1p(max(p.agents - 1, 0)),
        p.cookies / requests,
        p.carts / p.products if p.products else nan,
        p.checkouts / requests,
        log1p(p.checkout_gap) if p.checkout_gap is not None else nan,
        p.logins / requests,
        p.errors / answers if answers else nan,
        p.auth_errors / answers if answers else nan,
        p.stopped / requests,
    ]
