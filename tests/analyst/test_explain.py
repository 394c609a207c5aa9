"""A decision is found by its id, and its way through the stages is told in order."""

from pathlib import Path

import pytest

from riskengine.analyst.explain import find, story
from riskengine.clock import ManualClock
from riskengine.errors import InputError
from riskengine.records.decision_log import DecisionLog
from tests.analyst.small_shop import traffic, write_rules
from tests.analyst.test_replay import decide_live


@pytest.fixture
async def log(tmp_path: Path) -> Path:
    rules = write_rules(tmp_path / "rules")
    await decide_live(traffic(), rules, DecisionLog(tmp_path / "log", clock=ManualClock()))
    return tmp_path / "log"


@pytest.mark.parametrize(
    ("decision_id", "results"),
    [
        ("live-0", ["passed"] * 5),
        ("live-2", ["denied", *["not reached"] * 4]),
        ("live-3", ["passed", "denied", *["not reached"] * 3]),
        ("live-10", ["passed", "passed", "passed", "throttled", "not reached"]),
    ],
)
async def test_way_through_the_stages(log: Path, decision_id: str, results: list[str]) -> None:
    explanation = find(decision_id, log)
    assert [stage.result for stage in story(explanation.decision)] == results


async def test_outcome_is_found_with_the_decision(log: Path) -> None:
    outcome = find("live-0", log).outcome
    assert outcome is not None
    assert outcome.status == 200
    assert find("live-2", log).outcome is None


async def test_id_that_is_part_of_another_is_not_confused_with_it(log: Path) -> None:
    assert find("live-1", log).decision.decision.decision_id == "live-1"
    with pytest.raises(InputError, match="no decision 'live-' in this log"):
        find("live-", log)
