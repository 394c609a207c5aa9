"""Shows a forest more than good clients alone: rows where nobody is, and rows with holes.

A tree of an isolation forest splits only between the least and the greatest value it was grown
from, so whoever goes beyond all good clients ends in the leaf of the most extreme good one. A few
invented rows make the trees split out there too (the background of density trees; compare Shi and
Horvath, Unsupervised learning with random forest predictors, 2006).
"""

import numpy as np
from numpy.typing import NDArray

from riskengine.behavior.features import HEADER_FEATURES, NAMES, OUTCOME_FEATURES

INVENTED = 0.2
"""Invented rows, as a share of the real ones."""
INVENTED_COLUMNS = 6
"""Columns of an invented row that are drawn anew; the rest is some client's."""
BEYOND = 0.3
"""How far beyond the known range of a column is drawn, as a share of the range."""
WITHOUT_HEADERS, WITHOUT_OUTCOMES = 0.3, 0.5
"""Rows whose headers or outcomes are forgotten: a log, a gateway that does not report them."""

Rows = NDArray[np.float32]

_LOGARITHM_OF_SECONDS = "gap_mean"  # the one feature that may be below 0


def widen(rows: Rows, seed: int) -> Rows:
    """The rows and a background to them, some of all of it with holes."""
    rng = np.random.default_rng(seed)
    wide = np.concatenate([rows, _invent(rows, rng)])
    for names, share in (
        (HEADER_FEATURES, WITHOUT_HEADERS),
        (OUTCOME_FEATURES, WITHOUT_OUTCOMES),
    ):
        forgotten = rng.random(len(wide)) < share
        for column in _columns(names):
            wide[forgotten, column] = np.nan
    return wide


def without_outcomes(rows: Rows) -> Rows:
    """The rows as they would be if nobody reported outcomes."""
    blind = rows.copy()
    blind[:, _columns(OUTCOME_FEATURES)] = np.nan
    return blind


def _invent(rows: Rows, rng: np.random.Generator) -> Rows:
    invented = rows[rng.integers(0, len(rows), round(INVENTED * len(rows)))].copy()
    low, high = _reach(rows)
    drawn = rng.random(invented.shape).argsort(axis=1) < INVENTED_COLUMNS
    return np.where(drawn, rng.uniform(low, high, invented.shape), invented).astype(np.float32)


def _reach(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest value to draw in each column; a column never known stays missing."""
    known = np.where(np.isnan(rows), 0.0, rows).astype(np.float64)
    low, high = known.min(axis=0), known.max(axis=0)
    beyond = BEYOND * (high - low)
    shares = np.array([name.endswith("_share") for name in NAMES])
    signed = np.array([name == _LOGARITHM_OF_SECONDS for name in NAMES])
    return np.where(signed, low - beyond, 0.0), np.where(shares, 1.0, high + beyond)


def _columns(names: frozenset[str]) -> list[int]:
    return [NAMES.index(name) for name in sorted(names)]
