"""An isolation forest that answers in microseconds: one ONNX node, run by onnxruntime.

Each leaf holds its depth plus the expected depth of the rows that ended there; the score is
2^(-mean depth / c(max_samples)) (Liu, Ting, Zhou: Isolation Forest, 2008, equation 2).
"""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from riskengine.behavior.card import Card
from riskengine.behavior.onnx_trees import count_trees
from riskengine.errors import ModelError

INPUT = "features"
_ERRORS_ONLY = 3


class OnnxForest:
    """A loaded model. Its answers do not depend on what else is in the batch."""

    def __init__(self, data: bytes, card: Card) -> None:
        """`data` is an ONNX file as the card describes it; ModelError where it is not."""
        self.card = card
        self._scale = -1.0 / (count_trees(data, len(card.features)) * card.path_norm)
        self._session = _open(data, len(card.features))
        unknown = (np.nan, np.nan, np.nan)
        ranges = np.array([card.ordinary.get(name, unknown) for name in card.features])
        self._middles = ranges[:, 1]
        self._widths = np.maximum(ranges[:, 2] - ranges[:, 0], 0.05)

    @property
    def version(self) -> str:
        """Name and the beginning of the content hash: `default@1f00ba12cafe`."""
        return f"{self.card.name}@{self.card.sha256[:12]}"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self.card.features

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """How odd each row is: shape (n,), 0 (ordinary) to 1 (odd)."""
        if len(rows) == 0:
            return np.empty(0)
        (depths,) = self._session.run(None, {INPUT: rows})
        scores: NDArray[np.float64] = np.exp2(depths[:, 0].astype(np.float64) * self._scale)
        return scores

    def explain(self, rows: NDArray[np.float32], most: int) -> list[list[tuple[str, float]]]:
        """Of each row up to `most` known features with their values, furthest from ordinary first.

        Distance is counted in widths of the range that holds 98 % of ordinary clients.
        """
        distances = np.abs(rows - self._middles) / self._widths
        distances[np.isnan(distances)] = -1.0
        first = np.argsort(-distances, axis=1, kind="stable")[:, :most]
        known = (np.take_along_axis(distances, first, axis=1) >= 0).tolist()
        values = np.take_along_axis(rows, first, axis=1).tolist()
        return [
            [(self.features[place], value) for place, value, told in zip(*row, strict=True) if told]
            for row in zip(first.tolist(), values, known, strict=True)
        ]

    def __repr__(self) -> str:
        return f"<OnnxForest {self.version}>"


def _open(data: bytes, features: int) -> onnxruntime.InferenceSession:
    """A session that has answered once, so that a file that cannot answer is refused at loading."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        (depths,) = session.run(None, {INPUT: np.full((2, features), np.nan, dtype=np.float32)})
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors have no common type of their own
        raise ModelError(f"onnxruntime refuses it: {error}") from None
    if depths.shape != (2, 1):
        raise ModelError(f"must answer with one number per row, answers {depths.shape} to two rows")
    return session
