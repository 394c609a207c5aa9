"""Forests small enough to know by heart: every tree asks one feature, once."""

import hashlib
from typing import Any

from riskengine.behavior.card import Card
from riskengine.behavior.features import NAMES
from riskengine.behavior.onnx_subset_pb2 import AttributeProto, ModelProto

SPLITS = (("gap_spread", 0.5), ("distinct_products", 3.0), ("error_share", 0.5))
"""Feature and threshold of each tree: at most the threshold leads to a leaf of depth 1, above it
to one of depth 3, a missing value likewise."""


def small_forest(splits: tuple[tuple[str, float], ...] = SPLITS) -> ModelProto:
    """A forest of one-question trees."""
    model = ModelProto(ir_version=8)
    model.opset_import.add(domain="ai.onnx.ml", version=3)
    node = model.graph.node.add(
        input=["features"],
        output=["depth"],
        op_type="TreeEnsembleRegressor",
        domain="ai.onnx.ml",
    )
    model.graph.name = "small"
    _tensor(model.graph.input.add(name="features"), len(NAMES))
    _tensor(model.graph.output.add(name="depth"), 1)
    trees = range(len(splits))
    columns: dict[str, list[int]] = {
        "nodes_treeids": [tree for tree in trees for _ in range(3)],
        "nodes_nodeids": [0, 1, 2] * len(splits),
        "nodes_featureids": [n for name, _ in splits for n in (NAMES.index(name), 0, 0)],
        "nodes_truenodeids": [1, 0, 0] * len(splits),
        "nodes_falsenodeids": [2, 0, 0] * len(splits),
        "nodes_missing_value_tracks_true": [0, 0, 0] * len(splits),
        "target_treeids": [tree for tree in trees for _ in range(2)],
        "target_nodeids": [1, 2] * len(splits),
        "target_ids": [0, 0] * len(splits),
    }
    for name, ints in columns.items():
        node.attribute.append(AttributeProto(name=name, type=7, ints=ints))
    values = [v for _, threshold in splits for v in (threshold, 0.0, 0.0)]
    weights = [1.0, 3.0] * len(splits)
    modes = [b"BRANCH_LEQ", b"LEAF", b"LEAF"] * len(splits)
    node.attribute.append(AttributeProto(name="nodes_values", type=6, floats=values))
    node.attribute.append(AttributeProto(name="target_weights", type=6, floats=weights))
    node.attribute.append(AttributeProto(name="nodes_modes", type=8, strings=modes))
    node.attribute.append(AttributeProto(name="n_targets", type=2, i=1))
    return model


def attribute(model: ModelProto, name: str) -> AttributeProto:
    """A column of the forest, to be spoilt."""
    return next(a for a in model.graph.node[0].attribute if a.name == name)


def card_of(data: bytes, **changes: Any) -> Card:
    """A card that fits `data`, where it is not changed."""
    fields: dict[str, Any] = {
        "name": "small",
        "kind": "isolation-forest",
        "features": NAMES,
        "sha256": hashlib.sha256(data).hexdigest(),
        "created_from": "a test",
        "seed": 0,
        "clients": 1,
        "rows": 1,
        "max_samples": 4,
        "path_norm": 2.0,
        "min_requests": 3,
        "ordinary": {"gap_spread": (0.4, 1.5, 3.0), "distinct_products": (0.0, 1.0, 2.0)},
        "recommended": {},
        "metrics": None,
        "libraries": {},
    }
    return Card(**(fields | changes))


def _tensor(info: Any, columns: int) -> None:
    tensor = info.type.tensor_type
    tensor.elem_type = 1
    tensor.shape.dim.add(dim_param="rows")
    tensor.shape.dim.add(dim_value=columns)
