"""Grows an isolation forest from what good clients do, and writes its card."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from riskengine.analyst.background import widen
from riskengine.analyst.evaluation import evaluate
from riskengine.analyst.forest_export import (
    export_forest,
    forest_scores,
    hard_rows,
    mean_depth,
)
from riskengine.analyst.training_traffic import Sight
from riskengine.behavior.card import Card
from riskengine.behavior.features import NAMES
from riskengine.behavior.forest import OnnxForest
from riskengine.behavior.profile import key_kind
from riskengine.errors import ModelError

TREES = 40
SAMPLES = 16_384
ROWS_PER_CLIENT = 6
"""Rows taken of one client, so that the busiest do not make up what is ordinary."""
KEY_SHARE_MIN = 0.1
"""Least share of the rows for each kind of profile: session, user, device and address. Nearly all
clients have a session; what is ordinary for an address must not go under for that."""
CLIENTS_MIN = 20
HELD_OUT = 5
"""One client in so many is kept for the evaluation, where there is no other data for it."""

_PARITY_MAX = 1e-5

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Source:
    """What a model is made from and tested on."""

    sights: Iterable[Sight]
    about: str
    """The data, precisely enough to find or make it again."""
    held_out: Iterable[Sight] | None = None
    """Other clients to evaluate on; without them some of `sights` are kept back."""
    held_out_about: str = ""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that may be saved."""

    data: bytes
    card: Card


def train(source: Source, *, name: str, seed: int, min_requests: int) -> Trained:
    """A forest over the rows of clients not known to be bad; the same input, the same bytes.

    Raises ModelError when there is too little to learn from, or when the exported model and the
    forest disagree about any row.
    """
    learn, judge = _split(source)
    rows, clients = _rows(learn, seed)
    if clients < CLIENTS_MIN:
        raise ModelError(
            f"needs at least {CLIENTS_MIN} clients with {min_requests} requests or more that are "
            f"not labelled bad, got {clients}; give it more traffic"
        )
    wide = widen(rows, seed)
    forest = IsolationForest(
        n_estimators=TREES, max_samples=min(SAMPLES, len(wide)), random_state=seed
    ).fit(wide)
    data = export_forest(forest, len(NAMES))
    card = _card(source, forest, data, rows, name=name, seed=seed, min_requests=min_requests)
    card = msgspec.structs.replace(card, clients=clients)
    model = OnnxForest(data, card)
    _check_parity(model, forest, wide, seed)
    found = evaluate(model, judge, source.held_out_about or f"held-out clients of {source.about}")
    return Trained(
        data,
        msgspec.structs.replace(card, metrics=found.metrics, recommended=found.recommended),
    )


def _split(source: Source) -> tuple[Iterable[Sight], Iterable[Sight]]:
    if source.held_out is not None:
        return source.sights, source.held_out
    sights = list(source.sights)
    kept = [crc32(sight.client.encode()) % HELD_OUT == 0 for sight in sights]
    return (
        [sight for sight, keep in zip(sights, kept, strict=True) if not keep],
        [sight for sight, keep in zip(sights, kept, strict=True) if keep],
    )


def _rows(sights: Iterable[Sight], seed: int) -> tuple[Rows, int]:
    """Training rows of clients of which nothing bad is known, and of how many clients."""
    by_client: dict[str, list[Sequence[float]]] = defaultdict(list)
    bad: set[str] = set()
    for sight in sights:
        if sight.label is not None and sight.label.bad:
            bad.add(sight.client)
        elif sight.judged and sight.features is not None:
            by_client[sight.client].append(sight.features)
    for client in bad & by_client.keys():
        del by_client[client]
    rng = np.random.default_rng(seed)
    by_key: dict[str, list[Sequence[float]]] = defaultdict(list)
    for client, own in by_client.items():
        chosen = rng.choice(len(own), min(ROWS_PER_CLIENT, len(own)), replace=False)
        by_key[key_kind(client)] += [own[index] for index in sorted(chosen)]
    rows = [row for group in by_key.values() for row in group]
    least = round(KEY_SHARE_MIN * len(rows))
    for group in by_key.values():
        if len(group) < least:
            rows += [group[index] for index in rng.integers(0, len(group), least - len(group))]
    return np.array(rows, dtype=np.float32).reshape(-1, len(NAMES)), len(by_client)


def _card(
    source: Source,
    forest: IsolationForest,
    data: bytes,
    rows: Rows,
    *,
    name: str,
    seed: int,
    min_requests: int,
) -> Card:
    return Card(
        name=name,
        kind="isolation-forest",
        features=NAMES,
        sha256=hashlib.sha256(data).hexdigest(),
        created_from=source.about,
        seed=seed,
        clients=0,
        rows=len(rows),
        max_samples=int(forest.max_samples_),
        path_norm=float(mean_depth(np.array([forest.max_samples_]))[0]),
        min_requests=min_requests,
        ordinary=_ordinary(rows),
        recommended={},
        metrics=None,
        libraries={package: version(package) for package in ("numpy", "scikit-learn")},
    )


def _ordinary(rows: Rows) -> dict[str, tuple[float, float, float]]:
    """The range of each feature that was ever known."""
    ranges = {}
    for name, column in zip(NAMES, rows.T, strict=True):
        known = column[~np.isnan(column)].astype(np.float64)
        if len(known):
            low, middle, high = (round(float(q), 4) for q in np.quantile(known, [0.01, 0.5, 0.99]))
            ranges[name] = (low, middle, high)
    return ranges


def _check_parity(model: OnnxForest, forest: IsolationForest, rows: Rows, seed: int) -> None:
    """The file must say what the forest says, of ordinary rows and of hard ones."""
    hard = hard_rows(rows, seed)
    apart = np.abs(model.score(hard) - forest_scores(forest, hard)).max()
    known = rows[:2_000]
    apart = max(apart, np.abs(model.score(known) + forest.score_samples(known)).max())
    if not apart <= _PARITY_MAX:
        raise ModelError(f"the exported model differs from the forest by {apart:.2g}")
