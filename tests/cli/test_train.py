"""`riskengine train` and `riskengine models` as commands."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from riskengine.behavior.features import NAMES

ROOT = Path(__file__).parents[2]
SHARED_LOG = ROOT.parent / "shared/data/access_logs/apache_combined_10k.log"
QUICK = ("--minutes", "2", "--scale", "4")


def riskengine(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "riskengine.cli.main", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=100, cwd=ROOT
    )


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one quickly trained model."""
    directory = tmp_path_factory.mktemp("models")
    result = riskengine("train", "--name", "quick", "--models", directory, *QUICK)
    assert result.returncode == 0, result.stderr
    assert f"Saved in {directory}/quick" in result.stdout
    assert result.stderr == ""
    return directory


def test_trained_model_is_listed_with_what_it_catches(models: Path) -> None:
    result = riskengine("models", "--models", models)
    assert result.returncode == 0
    assert result.stdout.startswith("quick  isolation-forest, sha256 ")
    assert "riskengine simulate --seed 1 --minutes 2 --scale 4" in result.stdout
    assert "scraper-fast" in result.stdout


def test_card_is_shown_to_programs(models: Path) -> None:
    [card] = json.loads(riskengine("models", "quick", "--models", models, "--json").stdout)
    assert card["name"] == "quick"
    assert tuple(card["features"]) == NAMES
    assert card["metrics"]["kinds"]["shopper"]["bad"] is False


def test_training_again_changes_no_byte(models: Path, tmp_path: Path) -> None:
    assert riskengine("train", "--name", "quick", "--models", tmp_path, *QUICK).returncode == 0
    for name in ("model.onnx", "card.json"):
        assert (tmp_path / "quick" / name).read_bytes() == (models / "quick" / name).read_bytes()


def test_log_with_a_malformed_line_names_it(tmp_path: Path) -> None:
    log = tmp_path / "good.jsonl"
    shutil.copy(ROOT / "data/samples/known-good.jsonl", log)
    with log.open("a") as file:
        file.write("{\n")
    result = riskengine("train", "--name", "mine", "--models", tmp_path, "--log", log)
    assert result.returncode == 0
    lines = log.read_text().count("\n")
    assert result.stderr.startswith(f"good.jsonl:{lines}: ")
    assert result.stderr.rstrip().endswith("; left out, 1 such line(s)")
    [card] = json.loads(riskengine("models", "--models", tmp_path, "--json").stdout)
    assert card["created_from"].startswith("good.jsonl (sha256 ")
    assert card["metrics"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--log", "missing.log"), "missing.log"),
        (("--log", "data/samples"), "data/samples"),
        (("--log", "README.md"), "README.md"),
        (("--minutes", "-1"), "minutes must be above 0"),
        (("--minutes", "0.2", "--scale", "0.1"), "needs at least 20 clients"),
        (("--name", "Up/Down"), "a model's name is lower-case letters"),
    ],
)
def test_mistakes_are_one_readable_line(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    result = riskengine("train", "--name", "x", "--models", tmp_path, *words)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("riskengine: ")
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_missing_model_is_named_with_those_that_exist(models: Path) -> None:
    result = riskengine("models", "other", "--models", models)
    assert result.returncode == 2
    assert result.stderr == f"riskengine: {models}: has no model 'other' (there: quick)\n"


def test_empty_directory_is_told_as_such(tmp_path: Path) -> None:
    result = riskengine("models", "--models", tmp_path)
    assert result.returncode == 0
    assert result.stdout.startswith(f"{tmp_path} holds no model; riskengine train makes one.")


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED_LOG.exists(), reason="needs the public data set folder")
def test_real_access_log_can_be_learned_from(tmp_path: Path) -> None:
    result = riskengine("train", "--name", "apache", "--models", tmp_path, "--log", SHARED_LOG)
    assert result.returncode == 0
    assert ":8899: " in result.stderr
