"""Training: on people drawn from a random generator, so that a model takes a second."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from riskengine.analyst.background import BEYOND, INVENTED, widen, without_outcomes
from riskengine.analyst.crowds import KIND, into_crowds
from riskengine.analyst.evaluation import auc, evaluate
from riskengine.analyst.forest_export import export_forest, forest_scores, hard_rows, mean_depth
from riskengine.analyst.gate import WORSE_BY_MAX, check_replacement
from riskengine.analyst.simulate import simulate
from riskengine.analyst.train import CLIENTS_MIN, Source, Trained, train
from riskengine.analyst.training_traffic import Sight
from riskengine.behavior.features import HEADER_FEATURES, NAMES, OUTCOME_FEATURES
from riskengine.behavior.forest import OnnxForest
from riskengine.behavior.registry import save_model
from riskengine.errors import ModelError
from riskengine.records.lines import Label
from tests.behavior.small_forest import card_of

GOOD, BAD = Label(False, "person"), Label(True, "robot")


def people(seed: int, count: int = 40, label: Label | None = GOOD) -> Iterator[Sight]:
    """Clients with ten requests each; features spread evenly over 0..1."""
    rng = np.random.default_rng(seed)
    for client, _ in itertools.product(range(count), range(10)):
        yield Sight(f"default:s:{seed}-{client}", label, rng.random(len(NAMES)).tolist(), True)


def robots(seed: int, count: int = 10) -> Iterator[Sight]:
    """Clients far beyond what people do."""
    for sight in people(seed, count, BAD):
        yield sight._replace(features=[value + 1.2 for value in sight.features or ()])


def grown(source: Source, seed: int = 1) -> Trained:
    return train(source, name="small", seed=seed, min_requests=5)


def judged(seed: int = 1) -> Trained:
    return grown(Source(people(1), "people 1", [*people(2), *robots(3)], "people 2"), seed)


def test_same_input_gives_the_same_bytes() -> None:
    first, again, other = judged(), judged(), judged(seed=2)
    assert first.data == again.data
    assert first.card == again.card
    assert first.data != other.data


def test_what_goes_beyond_all_good_clients_is_told_from_them() -> None:
    card = judged().card
    assert card.metrics is not None
    assert card.metrics.auc > 0.99
    advice = card.recommended["throttle"]
    assert advice.recall["robot"] > 0.95
    assert advice.clients_caught["robot"] == 1
    assert advice.false_positive_rate <= 0.001
    assert card.recommended["deny"].threshold >= advice.threshold


def test_trained_model_can_be_loaded_and_knows_its_origin() -> None:
    trained = judged()
    model = OnnxForest(trained.data, trained.card)
    assert model.features == NAMES
    assert trained.card.created_from == "people 1"
    assert (trained.card.clients, trained.card.rows) == (40, 240)


def test_bad_clients_are_not_learned_from() -> None:
    with_robots = grown(Source([*people(1), *robots(3)], "a", people(2), "b"))
    assert with_robots.data == grown(Source(people(1), "a", people(2), "b")).data


def test_client_with_one_bad_request_is_not_learned_from_at_all() -> None:
    sights = list(people(1))
    spoilt = [s._replace(label=BAD) if i == 5 else s for i, s in enumerate(sights)]
    assert grown(Source(spoilt, "a", people(2), "b")).card.clients == 39


def test_requests_that_behaviour_has_no_say_about_are_not_learned_from() -> None:
    stopped = [s._replace(judged=False) for s in people(4)]
    card = grown(Source([*people(1), *stopped], "a", people(2), "b")).card
    assert card.clients == 40


def test_busiest_client_counts_as_much_as_any_other() -> None:
    one = next(people(1))
    card = grown(Source([*people(1), *[one] * 500], "a", people(2), "b")).card
    assert card.rows == 240


def test_rows_of_address_profiles_do_not_go_under() -> None:
    few = [s._replace(client=s.client.replace(":s:", ":a:")) for s in people(4, count=1)]
    card = grown(Source([*people(1), *few], "a", people(2), "b")).card
    assert card.rows == 240 + round(0.1 * 246)


def test_without_labels_clients_are_held_back_and_there_are_no_metrics() -> None:
    card = grown(Source(people(1, count=100, label=None), "log")).card
    assert 60 < card.clients < 95
    assert card.metrics is None
    assert card.recommended["throttle"].recall == {}


def test_too_little_to_learn_from_is_said() -> None:
    with pytest.raises(ModelError, match=f"needs at least {CLIENTS_MIN} clients .* got 3"):
        grown(Source(people(1, count=3), "a", people(2), "b"))


# The export.


def real_rows(count: int = 400) -> NDArray[np.float32]:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(count, len(NAMES))).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows


def test_exported_forest_says_what_scikit_learn_says() -> None:
    rows = real_rows()
    forest = IsolationForest(n_estimators=15, max_samples=200, random_state=3).fit(rows)
    data = export_forest(forest, len(NAMES))
    card = card_of(data, path_norm=float(mean_depth(np.array([200]))[0]))
    model = OnnxForest(data, card)
    assert model.score(rows) == pytest.approx(-forest.score_samples(rows), abs=1e-6)
    assert forest_scores(forest, rows) == pytest.approx(-forest.score_samples(rows), abs=1e-12)
    hard = hard_rows(rows, seed=1)
    assert np.isnan(hard).any()
    assert np.isinf(hard).any()
    assert model.score(hard) == pytest.approx(forest_scores(forest, hard), abs=1e-6)


def test_thresholds_are_rounded_so_that_neighbours_branch_alike() -> None:
    rows = np.zeros((64, len(NAMES)), np.float32)
    rows[:, 0] = 16_777_216 + 2 * np.arange(64)  # midpoints fall between two float32
    forest = IsolationForest(n_estimators=9, max_samples=64, random_state=0).fit(rows)
    data = export_forest(forest, len(NAMES))
    model = OnnxForest(data, card_of(data, path_norm=float(mean_depth(np.array([64]))[0])))
    assert model.score(rows) == pytest.approx(-forest.score_samples(rows), abs=1e-6)


@pytest.mark.parametrize(("rows", "depth"), [(0, 0.0), (1, 0.0), (2, 1.0), (256, 10.2448)])
def test_mean_depth_is_that_of_an_unsuccessful_search(rows: int, depth: float) -> None:
    assert mean_depth(np.array([rows]))[0] == pytest.approx(depth, abs=1e-3)


def test_exported_file_passes_the_official_checker() -> None:
    onnx = pytest.importorskip("onnx")
    forest = IsolationForest(n_estimators=3, random_state=0).fit(real_rows())
    onnx.checker.check_model(onnx.load_from_string(export_forest(forest, len(NAMES))))


# The background.


def test_background_reaches_beyond_the_rows_and_keeps_them() -> None:
    rows = np.random.default_rng(0).random((1_000, len(NAMES))).astype(np.float32)
    wide = widen(rows, seed=1)
    assert len(wide) == 1_000 + round(INVENTED * 1_000)
    real, invented = wide[:1_000], wide[1_000:]
    assert np.array_equal(real[~np.isnan(real)], rows[~np.isnan(real)])
    open_ended = [i for i, name in enumerate(NAMES) if not name.endswith("_share")]
    shares = [i for i, name in enumerate(NAMES) if name.endswith("_share")]
    assert np.nanmax(invented[:, open_ended]) == pytest.approx(1 + BEYOND, abs=0.05)
    assert np.nanmax(invented[:, shares]) <= 1
    assert np.nanmin(invented[:, shares]) >= 0


@pytest.mark.parametrize("names", [HEADER_FEATURES, OUTCOME_FEATURES])
def test_holes_come_in_groups_that_are_missing_together(names: frozenset[str]) -> None:
    rows = np.ones((500, len(NAMES)), np.float32)
    missing = np.isnan(widen(rows, seed=1))[:, [NAMES.index(name) for name in names]]
    assert (missing.all(axis=1) == missing.any(axis=1)).all()
    assert 0.2 < missing.all(axis=1).mean() < 0.6


def test_view_without_outcomes_lacks_them_and_nothing_else() -> None:
    blind = without_outcomes(np.ones((3, len(NAMES)), np.float32))
    lacking = {name for name, column in zip(NAMES, blind.T, strict=True) if np.isnan(column).all()}
    assert lacking == OUTCOME_FEATURES


def test_some_shoppers_move_behind_shared_addresses_whole() -> None:
    lines = list(into_crowds(simulate(1, minutes=3, scale=2)))
    homes: dict[str, set[bool]] = {}
    for line in lines:
        assert line.label is not None
        client = line.request_id.rpartition("-")[0]
        shared = line.client_ip.startswith("198.19.255.")
        homes.setdefault(client, set()).add(shared)
        assert (line.label.kind == KIND) is shared
    assert all(len(where) == 1 for where in homes.values())
    moved = [client for client, where in homes.items() if True in where]
    assert moved
    assert all(client.startswith("shopper-") for client in moved)


# The evaluation.


class FirstFeature:
    """A model whose score is the first feature."""

    version, features = "first@0", NAMES

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        return rows[:, 0].astype(np.float64)


def sight(client: str, score: float | None, label: Label = GOOD, judged: bool = True) -> Sight:
    features = None if score is None else [score] + [0.0] * (len(NAMES) - 1)
    return Sight(client, label, features, judged)


def test_recommended_threshold_keeps_the_budget_of_false_positives() -> None:
    good = [sight(f"g{i}", (i / 10_000) ** 4) for i in range(10_000)]
    bad = [sight("b", 0.999, BAD), sight("c", 0.5, BAD)]
    throttle = evaluate(FirstFeature(), [*good, *bad], "x").recommended["throttle"]
    assert throttle.threshold == 0.997
    assert throttle.false_positive_rate == throttle.clients_hit_rate == 0.0007
    assert throttle.recall == throttle.clients_caught == {"robot": 0.5}


def test_unscored_requests_and_clients_are_counted_as_such() -> None:
    sights = [sight("a", None), sight("a", 0.1), sight("z", 0.9, judged=False), sight("b", 1, BAD)]
    metrics = evaluate(FirstFeature(), sights, "x").metrics
    assert metrics is not None
    person = metrics.kinds["person"]
    assert (person.clients, person.clients_scored) == (2, 1)
    assert (person.requests, person.requests_scored) == (3, 1)


def test_good_requests_of_a_profile_that_a_bad_client_shares_do_not_count_as_good() -> None:
    sights = [sight("a", 0.1), sight("b", 0.99), sight("b", 0.99, BAD)]
    metrics = evaluate(FirstFeature(), sights, "x").metrics
    assert metrics is not None
    assert metrics.kinds["person"].clients == 1


@pytest.mark.parametrize(
    ("bad", "good", "expected"),
    [([2.0], [1.0], 1.0), ([1.0], [2.0], 0.0), ([1.0], [1.0], 0.5), ([1, 3], [2, 4], 0.25)],
)
def test_auc_is_the_share_of_pairs_in_the_right_order(
    bad: list[float], good: list[float], expected: float
) -> None:
    assert auc(np.array(bad, float), np.array(good, float)) == expected


# The gate.


def test_worse_model_on_the_same_data_is_refused(tmp_path: Path) -> None:
    trained = judged()
    save_model(tmp_path, trained.data, trained.card)
    metrics = trained.card.metrics
    assert metrics is not None

    def with_auc(value: float, data: str = metrics.data) -> None:
        changed = msgspec.structs.replace(metrics, auc=value, data=data)
        check_replacement(tmp_path, msgspec.structs.replace(trained.card, metrics=changed))

    with_auc(metrics.auc)
    with_auc(metrics.auc - WORSE_BY_MAX / 2)
    with_auc(0.5, data="other data")
    with pytest.raises(ModelError, match=r"worse than .*small: mean AUC .* --force replaces it"):
        with_auc(metrics.auc - WORSE_BY_MAX * 2)


def test_first_model_of_a_name_is_let_in(tmp_path: Path) -> None:
    check_replacement(tmp_path, judged().card)
