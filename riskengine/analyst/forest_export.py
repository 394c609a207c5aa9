"""Writes an isolation forest as one ONNX node, and proves that both say the same."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from riskengine.behavior.forest import INPUT
from riskengine.behavior.onnx_subset_pb2 import AttributeProto, ModelProto
from riskengine.behavior.onnx_trees import DOMAIN, OPERATOR

_FLOAT, _INT, _FLOATS, _INTS, _STRINGS = 1, 2, 6, 7, 8  # AttributeProto.AttributeType
_TENSOR_FLOAT = 1
_EULER_GAMMA = 0.5772156649015329


def mean_depth(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """c(n): the mean depth of an unsuccessful search among n rows (Liu, Ting, Zhou, equation 1)."""
    n = rows.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = 2.0 * (np.log(n - 1.0) + _EULER_GAMMA) - 2.0 * (n - 1.0) / n
    return np.select([n <= 1, n == 2], [0.0, 1.0], depth)


def export_forest(forest: IsolationForest, features: int) -> bytes:
    """The forest as an ONNX file: each leaf weighs its depth plus c(rows that ended there)."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    sizes = [tree.node_count for tree in trees]
    left, right = _joined(trees, "children_left"), _joined(trees, "children_right")
    leaves = left < 0
    tree_ids = np.repeat(np.arange(len(trees)), sizes)
    node_ids = np.concatenate([np.arange(size) for size in sizes])
    depths = np.concatenate([_depths(tree) for tree in trees])
    weights = depths + mean_depth(_joined(trees, "n_node_samples"))
    missing_left = _joined(trees, "missing_go_to_left").astype(np.int64)
    model = ModelProto(ir_version=8, producer_name="riskengine")
    model.opset_import.add(domain=DOMAIN, version=3)
    graph = model.graph
    graph.name = "isolation-forest"
    _tensor(graph.input.add(name=INPUT), features)
    _tensor(graph.output.add(name="depth"), 1)
    node = graph.node.add(input=[INPUT], output=["depth"], op_type=OPERATOR, domain=DOMAIN)
    node.attribute.extend(
        [
            _ints("nodes_treeids", tree_ids),
            _ints("nodes_nodeids", node_ids),
            _ints("nodes_featureids", np.where(leaves, 0, _joined(trees, "feature"))),
            _ints("nodes_truenodeids", np.where(leaves, 0, left)),
            _ints("nodes_falsenodeids", np.where(leaves, 0, right)),
            _ints("nodes_missing_value_tracks_true", np.where(leaves, 0, missing_left)),
            _floats("nodes_values", np.where(leaves, 0.0, _rounded_down(trees))),
            AttributeProto(
                name="nodes_modes",
                type=_STRINGS,
                strings=[b"LEAF" if leaf else b"BRANCH_LEQ" for leaf in leaves],
            ),
            _ints("target_treeids", tree_ids[leaves]),
            _ints("target_nodeids", node_ids[leaves]),
            _ints("target_ids", np.zeros(int(leaves.sum()), dtype=np.int64)),
            _floats("target_weights", weights[leaves]),
            AttributeProto(name="n_targets", type=_INT, i=1),
        ]
    )
    return model.SerializeToString(deterministic=True)


def forest_scores(forest: IsolationForest, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The forest's own scores, taken from its trees: for any row, NaN and infinities included."""
    total = np.zeros(len(rows))
    for estimator in forest.estimators_:
        tree = estimator.tree_
        weights = _depths(tree) + mean_depth(tree.n_node_samples)
        total += weights[tree.apply(rows)]
    norm = mean_depth(np.array([forest.max_samples_]))[0]
    scores: NDArray[np.float64] = np.exp2(-total / (len(forest.estimators_) * norm))
    return scores


def hard_rows(rows: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Rows to compare on: real ones, real ones with holes, thresholds' neighbours and extremes."""
    rng = np.random.default_rng(seed)
    sample = rows[rng.integers(0, len(rows), 2_000)]
    holes = np.where(rng.random(sample.shape) < 0.2, np.float32(np.nan), sample)
    extremes = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e-40, 3e38, -3e38], dtype=np.float32)
    wild = rng.choice(extremes, sample.shape)
    nudged = np.nextafter(sample, rng.choice(np.array([-np.inf, np.inf], np.float32), sample.shape))
    return np.concatenate([sample, holes, wild, nudged]).astype(np.float32)


def _joined(trees: Iterable[object], column: str) -> NDArray[np.int64]:
    joined: NDArray[np.int64] = np.concatenate([getattr(tree, column) for tree in trees])
    return joined


def _depths(tree: object) -> NDArray[np.float64]:
    """Edges from the root to each node; children follow their parent."""
    left: NDArray[np.int64] = tree.children_left  # type: ignore[attr-defined] # sklearn has no types
    right: NDArray[np.int64] = tree.children_right  # type: ignore[attr-defined] # the same
    depths = np.zeros(len(left))
    for node in range(len(left)):
        if left[node] >= 0:
            depths[left[node]] = depths[right[node]] = depths[node] + 1
    return depths


def _rounded_down(trees: Iterable[object]) -> NDArray[np.float32]:
    """Thresholds as float32, never above the double: so float32 inputs branch as they did."""
    exact = _joined(trees, "threshold").astype(np.float64)
    rounded = exact.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded.astype(np.float64) > exact, below, rounded)


def _ints(name: str, values: NDArray[np.int64]) -> AttributeProto:
    return AttributeProto(name=name, type=_INTS, ints=values.tolist())


def _floats(name: str, values: NDArray[np.float64]) -> AttributeProto:
    return AttributeProto(name=name, type=_FLOATS, floats=values.tolist())


def _tensor(info: object, columns: int) -> None:
    tensor = info.type.tensor_type  # type: ignore[attr-defined] # a nested message of ModelProto
    tensor.elem_type = _TENSOR_FLOAT
    tensor.shape.dim.add(dim_param="rows")
    tensor.shape.dim.add(dim_value=columns)
