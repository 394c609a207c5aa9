from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from riskengine.behavior.features import NAMES
from riskengine.behavior.forest import OnnxForest
from riskengine.behavior.registry import load_model
from riskengine.errors import ModelError
from tests.behavior.small_forest import card_of, small_forest

DEFAULT = load_model(Path(__file__).parents[2] / "models", "default")


def forest() -> OnnxForest:
    data = small_forest().SerializeToString()
    return OnnxForest(data, card_of(data))


def rows_of(
    *rows: np.ndarray[tuple[int], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(rows, dtype=np.float32)


def row(**values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([values.get(name, 0.0) for name in NAMES], dtype=np.float32)


@pytest.mark.parametrize(
    ("values", "depths"),
    [
        ({}, (1, 1, 1)),
        ({"gap_spread": 0.5}, (1, 1, 1)),
        ({"gap_spread": np.nextafter(np.float32(0.5), np.float32(1))}, (3, 1, 1)),
        ({"gap_spread": 9, "distinct_products": 9, "error_share": 9}, (3, 3, 3)),
        ({"error_share": float("nan")}, (1, 1, 3)),
        ({"error_share": float("-inf"), "gap_spread": float("inf")}, (3, 1, 1)),
    ],
)
def test_score_is_two_to_the_minus_mean_depth_over_norm(
    values: dict[str, float], depths: tuple[int, ...]
) -> None:
    expected = 2 ** (-(sum(depths) / 3) / 2.0)
    assert forest().score(row(**values)[None])[0] == pytest.approx(expected, abs=1e-12)


def test_no_rows_have_no_scores() -> None:
    assert forest().score(np.empty((0, len(NAMES)), np.float32)).shape == (0,)


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 130), st.just(len(NAMES))),
        elements=st.floats(width=32),
        fill=st.sampled_from([0.0, 1.0, 2.5, float("nan")]),
    )
)
def test_scores_do_not_depend_on_the_batch(
    rows: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> None:
    together = DEFAULT.score(rows)
    alone = np.concatenate([DEFAULT.score(rows[i : i + 1]) for i in range(len(rows))])
    assert together.tolist() == alone.tolist()
    assert ((together > 0) & (together <= 1)).all()


def test_explanation_begins_with_what_is_furthest_from_ordinary() -> None:
    [explained] = forest().explain(rows_of(row(gap_spread=1.5, distinct_products=7)), 5)
    assert explained[0] == ("distinct_products", 7.0)
    assert [name for name, _ in explained] == ["distinct_products", "gap_spread"]


def test_explanation_leaves_out_what_is_missing() -> None:
    lacking, whole = row(gap_spread=float("nan"), distinct_products=1), row(gap_spread=9.0)
    assert forest().explain(rows_of(lacking, whole), 1) == [
        [("distinct_products", 1.0)],
        [("gap_spread", 9.0)],
    ]
    assert forest().explain(rows_of(lacking), 5) == [[("distinct_products", 1.0)]]


def test_version_names_model_and_content() -> None:
    assert forest().version.startswith("small@")
    assert len(forest().version) == len("small@") + 12


def test_file_that_asks_for_other_inputs_is_refused_at_loading() -> None:
    model = small_forest()
    model.graph.input[0].name = model.graph.node[0].input[0] = "other"
    data = model.SerializeToString()
    with pytest.raises(ModelError, match="onnxruntime refuses it"):
        OnnxForest(data, card_of(data))
