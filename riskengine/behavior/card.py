"""The card of a model: what it is, what it was made from, and how well it did."""

from pathlib import Path

import msgspec

from riskengine.errors import ModelError

CARD_BYTES_MAX = 1024 * 1024


class Recommendation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A threshold, and what it costs on held-out clients that the model never saw."""

    threshold: float
    false_positive_rate: float
    """Share of the scored requests of good clients at or above `threshold`: the worse of two, with
    outcomes reported and without."""
    clients_hit_rate: float
    """Share of good clients with one such request at least."""
    recall: dict[str, float]
    """Share of the scored requests at or above `threshold`, by kind of bad client."""
    clients_caught: dict[str, float]
    """Share of the scored clients with one such request at least, by kind of bad client."""


class KindMetrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one kind of client fared in the evaluation."""

    bad: bool
    clients: int
    clients_scored: int
    """Clients that made enough requests to be scored at all."""
    requests: int
    requests_scored: int
    auc: float | None = None
    """For bad kinds: how surely a scored request outranks one of a good client; 0.5 is chance."""


class Metrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The evaluation on held-out clients."""

    data: str
    auc: float
    """Mean over the kinds of bad clients, each against all good ones."""
    kinds: dict[str, KindMetrics]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a model that its file does not say itself."""

    name: str
    kind: str
    """`isolation-forest`."""
    features: tuple[str, ...]
    sha256: str
    """Of model.onnx, in hexadecimal."""
    created_from: str
    """The data, precisely enough to find or make it again."""
    seed: int
    """Of the training itself."""
    clients: int
    rows: int
    max_samples: int
    """Rows that each tree was grown from."""
    path_norm: float
    """c(max_samples): mean depth that means a score of one half."""
    min_requests: int
    """Requests of a client before it was first scored, in training and evaluation."""
    ordinary: dict[str, tuple[float, float, float]]
    """1 %, 50 % and 99 % quantile of each feature over the training rows."""
    recommended: dict[str, Recommendation]
    """By verdict: throttle, deny."""
    metrics: Metrics | None
    """None where the data had no labels."""
    libraries: dict[str, str]


def read_card(path: Path) -> Card:
    """The card in a file; ModelError names the file and what is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None
    if len(content) > CARD_BYTES_MAX:
        raise ModelError(f"{path}: must be at most {CARD_BYTES_MAX} bytes, is {len(content)}")
    try:
        return msgspec.json.decode(content, type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: is no model card: {error}") from None


def encode_card(card: Card) -> bytes:
    """The card as it stands in a file: indented JSON, the same bytes for the same card."""
    return msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n"
