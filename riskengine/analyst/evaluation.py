"""How well scores tell bad clients from good ones, on clients that the model never saw."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from riskengine.analyst.background import Rows, without_outcomes
from riskengine.analyst.training_traffic import Sight
from riskengine.behavior.card import KindMetrics, Metrics, Recommendation
from riskengine.behavior.features import NAMES
from riskengine.behavior.model import Model

BUDGETS: Mapping[str, float] = {"throttle": 0.001, "deny": 0.0002}
"""False positives that a recommended threshold may cost: a share of good clients' requests."""

Scores = NDArray[np.float64]


@dataclass(slots=True)
class _Kind:
    bad: bool
    requests: int = 0
    clients: set[str] = field(default_factory=set)
    rows: list[Sequence[float]] = field(default_factory=list)
    row_clients: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics and recommendations. Without labels there are no metrics."""

    metrics: Metrics | None
    recommended: dict[str, Recommendation]


def evaluate(model: Model, sights: Iterable[Sight], data: str) -> Evaluation:
    """Score what behaviour has a say about, and compare kind by kind.

    `data` says what the sights are, for the card. Where nothing is labelled, all clients are taken
    for good when thresholds are chosen.
    """
    kinds = _collect(sights)
    scores = {name: _score(model, _array(kind.rows)) for name, kind in kinds.items()}
    good_rows = _array([row for kind in kinds.values() if not kind.bad for row in kind.rows])
    good_scores = _score(model, good_rows)
    views = (good_scores, _score(model, without_outcomes(good_rows)))
    recommended = {
        verdict: _recommend(budget, kinds, scores, views)
        for verdict, budget in BUDGETS.items()
        if len(good_scores)
    }
    if not any(kind.bad for kind in kinds.values()) or not len(good_scores):
        return Evaluation(None, recommended)
    rows = {name: _kind_metrics(kinds[name], scores[name], good_scores) for name in sorted(kinds)}
    aucs = [row.auc for row in rows.values() if row.auc is not None]
    mean = round(float(np.mean(aucs)), 4) if aucs else 0.5
    return Evaluation(Metrics(data, mean, rows), recommended)


def auc(bad: Scores, good: Scores) -> float:
    """How surely a bad score outranks a good one; ties count half (Mann-Whitney)."""
    order = np.sort(good)
    below = np.searchsorted(order, bad, "left")
    upto = np.searchsorted(order, bad, "right")
    return float((below + upto).mean() / 2 / len(good))


def _collect(sights: Iterable[Sight]) -> dict[str, _Kind]:
    kinds: dict[str, _Kind] = defaultdict(lambda: _Kind(bad=False))
    sights = list(sights)
    bad = {sight.client for sight in sights if sight.label and sight.label.bad}
    for sight in sights:
        if sight.label and not sight.label.bad and sight.client in bad:
            continue  # a profile that a bad client shares is not a good one
        kind = kinds[sight.label.kind if sight.label else "unlabelled"]
        kind.bad = sight.label is not None and sight.label.bad
        kind.requests += 1
        kind.clients.add(sight.client)
        if sight.features is not None and sight.judged:
            kind.rows.append(sight.features)
            kind.row_clients.append(sight.client)
    return dict(kinds)


def _array(rows: Sequence[Sequence[float]]) -> Rows:
    return np.array(rows, dtype=np.float32).reshape(-1, len(NAMES))


def _score(model: Model, rows: Rows) -> Scores:
    return model.score(rows) if len(rows) else np.empty(0)


def _kind_metrics(kind: _Kind, scores: Scores, good: Scores) -> KindMetrics:
    return KindMetrics(
        bad=kind.bad,
        clients=len(kind.clients),
        clients_scored=len(set(kind.row_clients)),
        requests=kind.requests,
        requests_scored=len(scores),
        auc=round(auc(scores, good), 4) if kind.bad and len(scores) else None,
    )


def _recommend(
    budget: float,
    kinds: Mapping[str, _Kind],
    scores: Mapping[str, Scores],
    views: Sequence[Scores],
) -> Recommendation:
    """The lowest threshold, in thousandths, that costs no more good requests than the budget.

    `views` are scores of the good requests with and without outcomes; the budget holds in each.
    """
    exact = max(float(np.quantile(good, 1 - budget, method="higher")) for good in views)
    threshold = min(1.0, np.ceil(exact * 1_000 + 1e-9) / 1_000)
    hit = {name: _hit_clients(kinds[name], scores[name], threshold) for name in sorted(kinds)}
    good = [name for name, kind in kinds.items() if not kind.bad]
    caught = [name for name in sorted(kinds) if kinds[name].bad and len(scores[name])]
    return Recommendation(
        threshold=round(float(threshold), 3),
        false_positive_rate=round(max(float((view >= threshold).mean()) for view in views), 6),
        clients_hit_rate=round(
            sum(len(hit[name]) for name in good) / sum(len(kinds[name].clients) for name in good), 6
        ),
        recall={name: round(float((scores[name] >= threshold).mean()), 4) for name in caught},
        clients_caught={
            name: round(len(hit[name]) / len(set(kinds[name].row_clients)), 4) for name in caught
        },
    )


def _hit_clients(kind: _Kind, scores: Scores, threshold: float) -> set[str]:
    return {
        client for client, over in zip(kind.row_clients, scores >= threshold, strict=True) if over
    }
