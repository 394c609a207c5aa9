from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.behavior.features import NAMES
from riskengine.behavior.forest import OnnxForest
from riskengine.behavior.onnx_subset_pb2 import ModelProto
from riskengine.behavior.onnx_trees import MODEL_BYTES_MAX, count_trees
from riskengine.errors import ModelError
from tests.behavior.small_forest import SPLITS, attribute, card_of, small_forest

WHOLE = small_forest().SerializeToString()


def test_plain_forest_passes_with_its_number_of_trees() -> None:
    assert count_trees(small_forest().SerializeToString(), len(NAMES)) == len(SPLITS)


def _second_node(model: ModelProto) -> None:
    model.graph.node.add(op_type="Identity", input=["depth"], output=["again"])


def _other_operator(model: ModelProto) -> None:
    model.graph.node[0].op_type = "Scan"


def _second_input(model: ModelProto) -> None:
    model.graph.node[0].input.append("more")


def _no_leaf_weight(model: ModelProto) -> None:
    del attribute(model, "target_weights").floats[-1]


def _short_column(model: ModelProto) -> None:
    attribute(model, "nodes_values").floats.append(0.0)


def _unknown_column(model: ModelProto) -> None:
    attribute(model, "n_targets").name = "post_transform"


def _two_targets(model: ModelProto) -> None:
    attribute(model, "n_targets").i = 2


def _other_mode(model: ModelProto) -> None:
    attribute(model, "nodes_modes").strings[0] = b"BRANCH_EQ"


def _circle(model: ModelProto) -> None:
    attribute(model, "nodes_truenodeids").ints[0] = 0


def _branch_out_of_the_tree(model: ModelProto) -> None:
    attribute(model, "nodes_falsenodeids").ints[0] = 3


def _feature_that_is_none(model: ModelProto) -> None:
    attribute(model, "nodes_featureids").ints[0] = len(NAMES)


def _negative_feature(model: ModelProto) -> None:
    attribute(model, "nodes_featureids").ints[0] = -1


def _threshold_that_is_none(model: ModelProto) -> None:
    attribute(model, "nodes_values").floats[0] = float("nan")


def _depth_that_is_none(model: ModelProto) -> None:
    attribute(model, "target_weights").floats[0] = float("inf")


def _nodes_out_of_order(model: ModelProto) -> None:
    attribute(model, "nodes_nodeids").ints[1] = 7


def _trees_out_of_order(model: ModelProto) -> None:
    attribute(model, "nodes_treeids").ints[0] = 2


def _empty(model: ModelProto) -> None:
    model.Clear()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_second_node, "must be one node, ai.onnx.ml.TreeEnsembleRegressor, but holds"),
        (_other_operator, "but holds ai.onnx.ml.Scan"),
        (_empty, "but holds nothing"),
        (_second_input, "one input and one output"),
        (_no_leaf_weight, "one target for each leaf"),
        (_short_column, "columns cut short"),
        (_unknown_column, "attributes of a plain forest; look at n_targets"),
        (_two_targets, "must have one target"),
        (_other_mode, "nodes other than BRANCH_LEQ and LEAF"),
        (_circle, "does not lead down its tree"),
        (_branch_out_of_the_tree, "does not lead down its tree"),
        (_feature_that_is_none, f"must use {len(NAMES)} features"),
        (_negative_feature, f"must use {len(NAMES)} features"),
        (_threshold_that_is_none, "a threshold that is no number"),
        (_depth_that_is_none, "a depth below 0"),
        (_nodes_out_of_order, "nodes out of order"),
        (_trees_out_of_order, "trees out of order"),
    ],
)
def test_anything_but_a_plain_forest_is_refused(
    spoil: Callable[[ModelProto], None], message: str
) -> None:
    model = small_forest()
    spoil(model)
    with pytest.raises(ModelError, match=message):
        count_trees(model.SerializeToString(), len(NAMES))


@pytest.mark.parametrize(
    ("field", "inside", "what"),
    [
        (7, (5,), "GraphProto"),  # an initializer, which might name a file outside
        (25, (), "ModelProto"),  # a function
        (14, (), "ModelProto"),  # metadata
    ],
)
def test_parts_that_a_forest_does_not_need_are_refused(
    field: int, inside: tuple[int, ...], what: str
) -> None:
    payload = b"".join(bytes([number << 3 | 2, 2, 8, 1]) for number in inside) or b"\x08\x01"
    tag = bytes([field << 3 & 0x7F | 2 | (0x80 if field > 15 else 0)])
    tag += bytes([field >> 4]) if field > 15 else b""
    extra = tag + bytes([len(payload)]) + payload
    with pytest.raises(ModelError, match=f"{what} has parts that a forest does not need"):
        count_trees(small_forest().SerializeToString() + extra, len(NAMES))


def test_file_above_the_cap_is_refused_unread() -> None:
    with pytest.raises(ModelError, match="must be at most"):
        count_trees(b"\x00" * (MODEL_BYTES_MAX + 1), len(NAMES))


@given(st.binary(max_size=200))
def test_rubbish_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(ModelError):
        count_trees(data, len(NAMES))


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_damaged_forest_is_refused_or_still_answers(at: int, flipped: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] ^= flipped
    try:
        forest = OnnxForest(bytes(damaged), card_of(WHOLE))
    except ModelError:
        return
    score = forest.score(np.zeros((1, len(NAMES)), np.float32))
    assert 0 <= score[0] <= 1
