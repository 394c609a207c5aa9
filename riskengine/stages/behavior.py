"""Behaviour: profiles learn from every request, and a model says how odd each client has become."""

import math
import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from riskengine.behavior.client import Standing
from riskengine.behavior.features import vector
from riskengine.behavior.model import Model
from riskengine.behavior.profile import ProfileTable
from riskengine.decision import RuleHit, Verdict
from riskengine.inspection import Batch, Inspection, only_recorded
from riskengine.origin.matching import origin_test
from riskengine.ruleset.behavior import BehaviorFile, ThresholdMatch, ThresholdRule

REASON = "behavior.anomalous"
_EXPLAINED_MAX = 2


@runtime_checkable
class Explaining(Protocol):
    """A model that can tell what was odd about rows."""

    def explain(self, rows: NDArray[np.float32], most: int) -> list[list[tuple[str, float]]]:
        """Of each row the names and values of the `most` oddest features, the oddest first."""
        ...


class BehaviorStage:
    """Scores the requests still open whose client has been seen often enough."""

    name = "behavior"
    dispensable = True

    def __init__(self, rules: BehaviorFile, profiles: ProfileTable, model: Model | None) -> None:
        """`profiles` outlive the stage: a reload makes a new stage over the same table."""
        self._profiles = profiles
        self._model = model
        self._version = "" if model is None else model.version
        self._lacks_model = model is None and rules.model is not None
        self._min_requests = rules.min_requests
        self._assets_per_score = rules.assets_per_score
        self._thresholds = [
            (rule, _matcher(rule.match)) for rule in rules.thresholds if rule.mode != "disabled"
        ]
        self._lowest = min([rule.threshold for rule, _ in self._thresholds], default=math.inf)

    async def inspect(self, batch: Batch) -> None:
        """Learn from every request, in order; then ask the model once for those still open.

        What a client is changes when it acts. The assets of a page follow by the dozen and change
        little: they stand as their client does, and so half of all requests need no score.

        Profiles know only what earlier stages said, never this one: so all scores of a batch can
        be had in one call, and a batch of two decides as two batches of one would. Under overload
        they go on learning, and nothing is scored.
        """
        shed = self.name in batch.shed
        standings: list[tuple[Inspection, Standing]] = []
        fresh: list[tuple[Inspection, Standing]] = []
        for inspection in batch.every:
            profile = self._profiles.observe(inspection)
            if shed or inspection.decided_by is not None or profile.requests < self._min_requests:
                continue
            if profile.is_due(self._version, self._assets_per_score):
                profile.stand_anew(self._version)
                inspection.features = vector(profile, inspection.at)
                fresh.append((inspection, profile.standing))
            standings.append((inspection, profile.standing))
        if shed or self._lacks_model:
            for inspection in batch.open:
                inspection.degrade(self.name if shed else "model")
        if self._model is not None and fresh:
            self._score(self._model, fresh)
        for inspection, standing in standings:
            if standing.score is not None:
                inspection.score = standing.score
                if standing.score >= self._lowest:
                    self._judge(inspection, standing.score, standing.oddest)

    def _score(self, model: Model, fresh: list[tuple[Inspection, Standing]]) -> None:
        rows = _rows([inspection.features for inspection, _ in fresh if inspection.features])
        scores = model.score(rows)
        for (_, standing), score in zip(fresh, scores.tolist(), strict=True):
            standing.score = score
        odd = np.flatnonzero(scores >= self._lowest)
        for place, oddest in zip(odd.tolist(), _oddest(model, rows[odd]), strict=True):
            fresh[place][1].oddest = oddest

    def _judge(self, inspection: Inspection, score: float, oddest: str) -> None:
        """Leave a hit for each threshold that was crossed and applies here."""
        detail = f"score {score:.3f}{oddest}"
        hits = [
            _hit(rule, detail)
            for rule, matches in self._thresholds
            if score >= rule.threshold and matches(inspection)
        ]
        if inspection.origin.verified:  # a bot behaves like one
            hits = [only_recorded(hit) for hit in hits]
        inspection.hits += hits


def _matcher(match: ThresholdMatch) -> Callable[[Inspection], bool]:
    routes, kinds, steps = frozenset(match.routes), frozenset(match.kinds), frozenset(match.steps)
    meant = origin_test(match)
    if not (routes or kinds or steps):
        return (lambda _: True) if meant is None else lambda i: meant(i.origin)

    def matches(inspection: Inspection) -> bool:
        route = inspection.route
        return (
            route is not None
            and (meant is None or meant(inspection.origin))
            and (not routes or route.id in routes)
            and (not kinds or route.kind in kinds)
            and (not steps or route.step in steps)
        )

    return matches


def _rows(vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """The vectors as one array; packing them takes a third off what `np.array` does."""
    flat = struct.pack(f"{sum(map(len, vectors))}f", *chain.from_iterable(vectors))
    return np.frombuffer(flat, dtype=np.float32).reshape(len(vectors), -1)


def _oddest(model: Model, rows: NDArray[np.float32]) -> list[str]:
    """What was odd about each row, to be appended to its score."""
    if len(rows) == 0 or not isinstance(model, Explaining):
        return [""] * len(rows)
    return [
        "".join([f", {name} {value:.2f}" for name, value in odd])
        for odd in model.explain(rows, _EXPLAINED_MAX)
    ]


def _hit(rule: ThresholdRule, detail: str) -> RuleHit:
    return RuleHit(
        stage=BehaviorStage.name,
        rule_id=rule.id,
        verdict=rule.verdict,
        reason=REASON,
        detail=detail,
        observed=rule.observed,
        retry_after_s=rule.retry_after if rule.verdict is Verdict.THROTTLE else None,
    )
