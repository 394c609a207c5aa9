import re
import subprocess
import sys
from pathlib import Path

import pytest

from riskengine.behavior.card import CARD_BYTES_MAX, encode_card
from riskengine.behavior.features import NAMES
from riskengine.behavior.onnx_trees import MODEL_BYTES_MAX
from riskengine.behavior.registry import load_model, model_names, save_model
from riskengine.errors import ModelError
from tests.behavior.small_forest import card_of, small_forest

DATA = small_forest().SerializeToString()


def test_saved_model_is_loaded_with_its_card(tmp_path: Path) -> None:
    save_model(tmp_path, DATA, card_of(DATA))
    model = load_model(tmp_path, "small")
    assert model.card == card_of(DATA)
    assert model_names(tmp_path) == ["small"]
    assert sorted(p.name for p in (tmp_path / "small").iterdir()) == ["card.json", "model.onnx"]


def refusal(models: Path, name: str = "small") -> str:
    with pytest.raises(ModelError) as error:
        load_model(models, name)
    return str(error.value)


def test_missing_model_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    assert refusal(tmp_path, "other") == f"{tmp_path}: has no model 'other' (there: none)"
    save_model(tmp_path, DATA, card_of(DATA))
    assert refusal(tmp_path, "other") == f"{tmp_path}: has no model 'other' (there: small)"


@pytest.mark.parametrize("name", ["../secret", "", "Small", "a/b", ".", "a\n"])
def test_name_that_is_a_path_is_refused(tmp_path: Path, name: str) -> None:
    assert "a model's name is lower-case letters" in refusal(tmp_path, name)


def test_model_is_never_saved_outside_its_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a model's name is"):
        save_model(tmp_path / "models", DATA, card_of(DATA, name="../up"))
    assert not list(tmp_path.iterdir())


def test_changed_file_is_refused(tmp_path: Path) -> None:
    folder = save_model(tmp_path, DATA, card_of(DATA))
    (folder / "model.onnx").write_bytes(DATA + b"\x00")
    assert refusal(tmp_path) == (
        f"{folder}/model.onnx: is not the file that card.json describes (sha256 differs)"
    )


def test_file_that_is_no_forest_is_refused_even_with_a_fitting_card(tmp_path: Path) -> None:
    save_model(tmp_path, b"pickle", card_of(b"pickle"))
    assert refusal(tmp_path).startswith(f"{tmp_path}/small/model.onnx: ")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    folder = save_model(tmp_path, DATA, card_of(DATA))
    (folder / "model.onnx").unlink()
    assert refusal(tmp_path) == f"{folder}/model.onnx: No such file or directory"


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    folder = save_model(tmp_path, DATA, card_of(DATA))
    with (folder / "model.onnx").open("wb") as file:
        file.truncate(MODEL_BYTES_MAX + 1)
    assert "must be at most" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no model card"),
        (b"{}", "is no model card: Object missing required field `name`"),
        (b'{"name": 1}', "is no model card: Expected `str`, got `int`"),
        (b"\xff", "is no model card"),
        (b" " * (CARD_BYTES_MAX + 1), "must be at most"),
    ],
)
def test_damaged_card_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    folder = save_model(tmp_path, DATA, card_of(DATA))
    (folder / "card.json").write_bytes(content)
    assert refusal(tmp_path).startswith(f"{folder}/card.json: {message}")


def test_card_with_unknown_fields_is_refused(tmp_path: Path) -> None:
    folder = save_model(tmp_path, DATA, card_of(DATA))
    known = encode_card(card_of(DATA)).decode()
    (folder / "card.json").write_text(known.replace('"name"', '"run": "x", "name"', 1))
    assert "unknown field `run`" in refusal(tmp_path)


def test_card_of_another_name_is_refused(tmp_path: Path) -> None:
    (save_model(tmp_path, DATA, card_of(DATA))).rename(tmp_path / "copy")
    assert "is the card of 'small', not of 'copy'" in refusal(tmp_path, "copy")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (("old", *NAMES[1:]), f"(gone: old; new: {NAMES[0]})"),
        (NAMES[1:], f"(new: {NAMES[0]})"),
        ((*NAMES[1:], NAMES[0]), "(another order)"),
    ],
)
def test_model_made_for_other_features_asks_to_be_retrained(
    tmp_path: Path, features: tuple[str, ...], message: str
) -> None:
    save_model(tmp_path, DATA, card_of(DATA, features=features))
    text = refusal(tmp_path)
    assert message in text
    assert text.endswith("retrain it: riskengine train --name small")


def test_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "small").write_text("a file")
    with pytest.raises(ModelError, match=re.escape(f"{tmp_path / 'small'}: cannot be written")):
        save_model(tmp_path, DATA, card_of(DATA))


def test_loading_a_model_imports_no_training_library() -> None:
    code = (
        "import sys; from pathlib import Path; from riskengine.behavior.registry import load_model;"
        "load_model(Path('models'), 'default');"
        "assert not {'sklearn', 'scipy', 'onnx', 'pickle5'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
