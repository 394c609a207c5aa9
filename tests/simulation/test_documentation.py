"""docs/simulation.md keeps step with the populations and the command's options."""

import inspect
import re
from pathlib import Path

from riskengine.cli.simulate import simulate
from riskengine.simulation.populations import POPULATIONS

_TEXT = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text()


def test_every_population_is_described_with_its_share() -> None:
    described = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+) % \|", _TEXT, re.MULTILINE))
    assert described == {p.kind: f"{p.share * 100:.0f}" for p in POPULATIONS}


def test_shares_sum_to_one() -> None:
    assert round(sum(p.share for p in POPULATIONS), 9) == 1


def test_every_option_is_described() -> None:
    described = set(re.findall(r"^\| `--([a-z]+)", _TEXT, re.MULTILINE))
    options = {name.removeprefix("as_") for name in inspect.signature(simulate).parameters}
    assert described == options
