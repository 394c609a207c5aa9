"""Models on disk: `models/<name>/model.onnx` and its card. Both are data; nothing is executed."""

import hashlib
import re
from pathlib import Path

from riskengine.behavior.card import Card, encode_card, read_card
from riskengine.behavior.features import NAMES
from riskengine.behavior.forest import OnnxForest
from riskengine.behavior.onnx_trees import MODEL_BYTES_MAX
from riskengine.errors import ModelError

MODEL_FILE, CARD_FILE = "model.onnx", "card.json"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)


def load_model(models: Path, name: str) -> OnnxForest:
    """The model of that name, ready to score; ModelError says what is wrong and what to do.

    The file must be the one that its card describes, byte for byte, and be made for the features
    of this release.
    """
    folder = find_model(models, name)
    card = read_card(folder / CARD_FILE)
    if card.name != name:
        raise ModelError(f"{folder / CARD_FILE}: is the card of {card.name!r}, not of {name!r}")
    check_features(card, folder)
    path = folder / MODEL_FILE
    data = _read(path)
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelError(f"{path}: is not the file that {CARD_FILE} describes (sha256 differs)")
    try:
        return OnnxForest(data, card)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def find_model(models: Path, name: str) -> Path:
    """The directory of a model, or ModelError with the names of those that exist."""
    check_name(name)
    folder = models / name
    if not (folder / CARD_FILE).is_file():
        known = ", ".join(model_names(models)) or "none"
        raise ModelError(f"{models}: has no model {name!r} (there: {known})")
    return folder


def check_name(name: str) -> None:
    """ModelError unless `name` can be that of a model: it is also the name of a directory."""
    if not _NAME.fullmatch(name):
        raise ModelError(f"a model's name is lower-case letters, digits and '-', got {name!r}")


def model_names(models: Path) -> list[str]:
    """Names of all models in the directory `models`, sorted; none where it does not exist."""
    return sorted(path.parent.name for path in models.glob(f"*/{CARD_FILE}"))


def save_model(models: Path, data: bytes, card: Card) -> Path:
    """Write model and card into `models/<name>`, each in one step; the card last."""
    check_name(card.name)
    folder = models / card.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / MODEL_FILE, data)
        _replace(folder / CARD_FILE, encode_card(card))
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return folder


def check_features(card: Card, folder: Path) -> None:
    """ModelError unless the card's features are those of this release, in their order."""
    if card.features == NAMES:
        return
    gone = [name for name in card.features if name not in NAMES]
    new = [name for name in NAMES if name not in card.features]
    differ = "; ".join(
        f"{what} {', '.join(names)}" for what, names in (("gone:", gone), ("new:", new)) if names
    )
    raise ModelError(
        f"{folder / CARD_FILE}: was trained on other features ({differ or 'another order'}); "
        f"retrain it: riskengine train --name {card.name}"
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MODEL_BYTES_MAX:
            raise ModelError(f"{path}: must be at most {MODEL_BYTES_MAX} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(path.suffix + ".new")
    beside.write_bytes(content)
    beside.replace(path)
