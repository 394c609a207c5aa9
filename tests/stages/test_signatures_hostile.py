"""Hostile requests get a clear decision for bounded work."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.hostile import hostile
from riskengine.decision import Decision, Verdict
from riskengine.engine import Engine
from riskengine.request import Request
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.parameters import ParametersFile

RULES = Path(__file__).parents[2] / "rules"
REQUESTS = hostile()
CPU_MAX_S = 10
"""Far above what the budget means (below 0.3 s), far below what unbounded work would take."""
CLEAR = {"signature.budget", "signature.body", "signature.threshold"}


def decide(request: Request) -> Decision:
    shipped = load_ruleset(RULES)
    rules = replace(shipped, parameters=ParametersFile(), behavior=BehaviorFile())
    [decision] = asyncio.run(Engine(rules, max_budget_s=60).evaluate([request], budget_s=60))
    return decision


@pytest.mark.parametrize("name", REQUESTS)
def test_signatures_alone_come_to_a_decision_and_say_which(name: str) -> None:
    started = time.process_time()
    decision = decide(REQUESTS[name])
    assert time.process_time() - started < CPU_MAX_S
    assert decision.verdict is Verdict.ALLOW or decision.reason in CLEAR
    assert "signatures" not in decision.degraded


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("10 000 parameters of a form", "signature.body"),
        ("a gzip bomb of 50 MB", "signature.body"),
        ("a gzip bomb of JSON", "signature.body"),
    ],
)
def test_what_is_too_much_is_stopped_for_being_too_much(name: str, reason: str) -> None:
    decision = decide(REQUESTS[name])
    assert decision.verdict is Verdict.DENY
    assert reason in [hit.reason for hit in decision.hits]
