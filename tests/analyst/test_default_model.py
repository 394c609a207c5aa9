"""The model that ships, and the rules that read its scores."""

from collections import Counter
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from riskengine.analyst.crowds import into_crowds
from riskengine.analyst.evaluation import BUDGETS
from riskengine.analyst.simulate import simulate
from riskengine.analyst.training_traffic import look_at, simulated
from riskengine.behavior.registry import load_model
from riskengine.cli.train import train
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.loader import load_ruleset

ROOT = Path(__file__).parents[2]
MODEL = load_model(ROOT / "models", "default")
RULES = load_ruleset(ROOT / "rules")


@pytest.mark.parametrize("verdict", BUDGETS)
def test_rules_are_no_stricter_than_the_card_recommends(verdict: str) -> None:
    advice = MODEL.card.recommended[verdict]
    [rule] = [r for r in RULES.behavior.thresholds if r.verdict.word == verdict]
    assert rule.threshold >= advice.threshold
    assert advice.false_positive_rate <= BUDGETS[verdict]


def test_model_was_made_for_the_requests_that_the_rules_wait_for() -> None:
    assert RULES.behavior.min_requests == MODEL.card.min_requests


def test_file_is_small_enough_for_a_repository() -> None:
    assert (ROOT / "models/default/model.onnx").stat().st_size < 1_500_000


@pytest.mark.slow
def test_strangers_are_told_apart_and_good_ones_left_alone() -> None:
    """Traffic of a seed that neither training nor the choice of thresholds has seen."""
    unscored = replace(RULES, behavior=BehaviorFile(min_requests=RULES.behavior.min_requests))
    lines = into_crowds(simulate(77, minutes=15, scale=4))
    sights = [s for s in look_at(simulated(lines), unscored) if s.judged and s.features is not None]
    scores = MODEL.score(np.array([s.features for s in sights], dtype=np.float32))
    throttled = scores >= min(rule.threshold for rule in RULES.behavior.thresholds)
    kinds = [s.label.kind for s in sights if s.label is not None]
    seen, stopped = Counter(kinds), Counter(np.array(kinds)[throttled].tolist())
    for good in ("shopper", "shopper-crowd"):
        assert stopped[good] <= 0.001 * seen[good] + 1, good
    least = {"prober": 0.9, "scraper-fast": 0.9, "scraper-distributed": 0.9, "stuffer": 0.9}
    least |= {"scraper-slow": 0.8, "scalper": 0.5, "scraper-headless": 0.2}
    for bad, share in least.items():
        assert stopped[bad] >= share * seen[bad], bad


@pytest.mark.slow
def test_documented_command_makes_the_model_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if any(version(name) != known for name, known in MODEL.card.libraries.items()):
        pytest.skip(f"the model was made with {MODEL.card.libraries}")
    monkeypatch.chdir(ROOT)
    train(name="default", models=tmp_path)
    made = (tmp_path / "default/model.onnx").read_bytes()
    assert made == (ROOT / "models/default/model.onnx").read_bytes()
