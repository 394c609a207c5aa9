"""A saved detector that answers in microseconds."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Model(Protocol):
    """Scores feature vectors; the same row gives the same score in any batch."""

    @property
    def version(self) -> str:
        """Name and content hash: what `Decision.model_version` carries."""
        ...

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        ...

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """How odd each row is: shape (n,), 0 (ordinary) to 1 (odd). NaN in a row means missing."""
        ...
