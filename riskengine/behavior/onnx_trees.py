"""Looks into an ONNX file and lets only a forest of trees pass, before anything executes it."""

import numpy as np
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from numpy.typing import NDArray

from riskengine.behavior.onnx_subset_pb2 import AttributeProto, ModelProto, NodeProto
from riskengine.errors import ModelError

MODEL_BYTES_MAX = 16 * 1024 * 1024
OPERATOR, DOMAIN = "TreeEnsembleRegressor", "ai.onnx.ml"

_Ints = NDArray[np.int64]

_COLUMNS = (
    "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids",
    "nodes_falsenodeids", "nodes_missing_value_tracks_true",
)  # fmt: skip
_TARGETS = ("target_treeids", "target_nodeids", "target_ids")
_REQUIRED = frozenset(
    {*_COLUMNS, *_TARGETS, "nodes_values", "nodes_modes", "target_weights", "n_targets"}
)


def count_trees(data: bytes, features: int) -> int:
    """The number of trees in the forest of `features` inputs that `data` is.

    ModelError when it is anything else: another operator, a second node, an initializer, external
    data, a function, a branch that leads backwards (and might never end) or out of its tree.
    """
    if len(data) > MODEL_BYTES_MAX:
        raise ModelError(f"must be at most {MODEL_BYTES_MAX} bytes, is {len(data)}")
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise ModelError("is not an ONNX file") from None
    _refuse_unknown(model)
    return _check_trees(_attributes(_only_node(model)), features)


def _refuse_unknown(message: Message) -> None:
    if len(UnknownFieldSet(message)):
        name = message.DESCRIPTOR.name
        raise ModelError(f"{name} has parts that a forest does not need (initializers, functions)")
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for child in value if field.is_repeated else (value,):
            _refuse_unknown(child)


def _only_node(model: ModelProto) -> NodeProto:
    nodes = model.graph.node
    named = [f"{node.domain}.{node.op_type}" for node in nodes]
    if named != [f"{DOMAIN}.{OPERATOR}"]:
        found = ", ".join(named[:4]) or "nothing"
        raise ModelError(f"must be one node, {DOMAIN}.{OPERATOR}, but holds {found}")
    if len(nodes[0].input) != 1 or len(nodes[0].output) != 1:
        raise ModelError("its node must have one input and one output")
    return nodes[0]


def _attributes(node: NodeProto) -> dict[str, AttributeProto]:
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if attributes.keys() != _REQUIRED or len(node.attribute) != len(_REQUIRED):
        odd = sorted(map(str, attributes.keys() ^ _REQUIRED)) or ["one twice"]  # may be bytes
        raise ModelError(f"its node must have the attributes of a plain forest; look at {odd[0]}")
    if attributes["n_targets"].i != 1:
        raise ModelError("its node must have one target")
    return attributes


def _check_trees(attributes: dict[str, AttributeProto], features: int) -> int:
    columns = {name: np.array(attributes[name].ints, dtype=np.int64) for name in _COLUMNS}
    modes = np.array(attributes["nodes_modes"].strings, dtype=bytes)
    values = np.array(attributes["nodes_values"].floats, dtype=np.float32)
    nodes = len(modes)
    _require(nodes > 0, "has no tree")
    lengths = {len(values), *map(len, columns.values())}
    _require(lengths == {nodes}, "has columns cut short")
    splits, leaves = modes == b"BRANCH_LEQ", modes == b"LEAF"
    _require(bool(np.all(splits | leaves)), "has nodes other than BRANCH_LEQ and LEAF")
    trees, numbers = columns["nodes_treeids"], columns["nodes_nodeids"]
    _check_numbering(trees, numbers)
    used = columns["nodes_featureids"][splits]
    _require(bool(np.all((used >= 0) & (used < features))), f"must use {features} features")
    _require(bool(np.all(np.isfinite(values))), "has a threshold that is no number")
    sizes = np.bincount(trees)[trees]
    for side in ("nodes_truenodeids", "nodes_falsenodeids"):
        child = columns[side]
        inside = (child > numbers) & (child < sizes)
        _require(bool(np.all(inside[splits])), "has a branch that does not lead down its tree")
    _check_targets(attributes, trees[leaves], numbers[leaves])
    return int(trees[-1]) + 1


def _check_numbering(trees: _Ints, numbers: _Ints) -> None:
    """Trees and the nodes of each are numbered from 0 without gaps, in the order of the file."""
    starts = np.flatnonzero(np.diff(trees, prepend=-1))
    _require(trees.tolist()[0] == 0 and len(starts) == trees[-1] + 1, "has trees out of order")
    _require(bool(np.all(np.diff(trees, prepend=0) >= 0)), "has trees out of order")
    first = np.zeros(len(trees), dtype=np.int64)
    first[starts] = starts
    expected = np.arange(len(trees)) - np.maximum.accumulate(first)
    _require(bool(np.all(numbers == expected)), "has nodes out of order")


def _check_targets(
    attributes: dict[str, AttributeProto], leaf_trees: _Ints, leaf_numbers: _Ints
) -> None:
    trees, numbers, ids = (np.array(attributes[name].ints, dtype=np.int64) for name in _TARGETS)
    weights = np.array(attributes["target_weights"].floats, dtype=np.float32)
    _require(len(ids) == len(weights) == len(leaf_trees), "must have one target for each leaf")
    same = np.array_equal(trees, leaf_trees) and np.array_equal(numbers, leaf_numbers)
    _require(same and not ids.any(), "must have one target for each leaf")
    _require(bool(np.all(np.isfinite(weights) & (weights >= 0))), "has a depth below 0")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ModelError(otherwise)
