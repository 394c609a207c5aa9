"""The samples are what their README says: the commands in it make them again, byte for byte."""

import shlex
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from riskengine.analyst.simulate import USUAL_MIX
from riskengine.cli.simulate import simulate
from riskengine.records.lines import RequestLine

_SAMPLES = Path(__file__).parents[2] / "data" / "samples"


def _commands() -> dict[str, list[str]]:
    """The arguments of each command in the README, by the file it writes."""
    text = (_SAMPLES / "README.md").read_text()
    lines = [line.strip() for line in text.splitlines()]
    commands = [shlex.split(line)[2:] for line in lines if line.startswith("riskengine simulate")]
    return {Path(words[words.index("--out") + 1]).name: words for words in commands}


def _lines(name: str) -> list[RequestLine]:
    raw = (_SAMPLES / name).read_bytes().splitlines()
    return [msgspec.json.decode(line, type=RequestLine) for line in raw]


def test_the_readme_makes_every_sample() -> None:
    assert set(_commands()) == {path.name for path in _SAMPLES.glob("*.jsonl")}


@pytest.mark.parametrize("name", ["mixed.jsonl", "known-good.jsonl"])
def test_sample_is_made_again_byte_for_byte(name: str, tmp_path: Path) -> None:
    words = _commands()[name]
    words[words.index("--out") + 1] = str(tmp_path / name)
    app = typer.Typer()
    app.command()(simulate)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert (tmp_path / name).read_bytes() == (_SAMPLES / name).read_bytes()


def test_mixed_sample_has_every_kind() -> None:
    kinds = Counter(line.label.kind for line in _lines("mixed.jsonl") if line.label)
    assert set(kinds) == set(USUAL_MIX)
    assert 6_000 <= kinds.total() <= 10_000


def test_known_good_sample_has_all_good_kinds_and_no_other() -> None:
    labels = [line.label for line in _lines("known-good.jsonl") if line.label]
    assert {label.kind for label in labels} == {"shopper", "crawler", "monitor"}
    assert not any(label.bad for label in labels)
    assert 2_000 <= len(labels) <= 3_000
