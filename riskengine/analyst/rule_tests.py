"""Runs rule tests over virtual time, on the engine that serves."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from riskengine.analyst.rule_test_files import (
    Expectation,
    LocatedTest,
    RuleTest,
    read_rule_tests,
)
from riskengine.assembly import model_of
from riskengine.behavior.model import Model
from riskengine.clock import ManualClock
from riskengine.decision import Decision
from riskengine.engine import Engine
from riskengine.errors import InvalidRequestError
from riskengine.request import Request
from riskengine.ruleset.addresses import AddressesFile
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.ruleset import Ruleset
from riskengine.ruleset.signatures import SignaturesFile
from riskengine.store.memory import MemoryCounters

_START = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class TestResult:
    """What became of one rule test."""

    __test__ = False

    path: Path
    line: int
    name: str
    failures: tuple[str, ...]
    """What was expected and what came instead; empty when the test passed."""

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.failures


def run_rule_tests(ruleset: Ruleset, models_dir: Path) -> list[TestResult]:
    """The results of all tests beside the rules, in order.

    Raises RulesetError when a test cannot be read, ModelError when the model cannot be loaded.
    """
    return asyncio.run(run_tests(read_rule_tests(ruleset), ruleset, model_of(ruleset, models_dir)))


async def run_tests(
    tests: Sequence[LocatedTest], ruleset: Ruleset, model: Model | None
) -> list[TestResult]:
    """The results of `tests`, in order; each runs in an engine of its own."""
    return [
        TestResult(
            located.path,
            located.line,
            located.test.name,
            tuple(await _run(located.test, *_only(located.stages, ruleset, model))),
        )
        for located in tests
    ]


def _only(
    stages: Sequence[str], ruleset: Ruleset, model: Model | None
) -> tuple[Ruleset, Model | None]:
    """The rules without those of the stages that a test leaves out; routes stay known."""
    parameters = ruleset.parameters.model_copy(update={"checks": (), "routes": ()})
    empty: dict[str, Any] = {
        "addresses": {"addresses": AddressesFile()},
        "parameters": {"parameters": parameters},
        "signatures": {"signatures": SignaturesFile()},
        "rate_limits": {"limits": LimitsFile()},
        "behavior": {"behavior": BehaviorFile()},
    }
    for stage in set(empty).difference(stages):
        ruleset = replace(ruleset, **empty[stage])
    return ruleset, model if "behavior" in stages else None


async def _run(test: RuleTest, ruleset: Ruleset, model: Model | None) -> list[str]:
    clock = ManualClock(_START)
    engine = Engine(
        ruleset,
        model=model,
        counters=MemoryCounters(clock),
        clock=clock,
        believe_received_at=True,
        decision_ids=lambda: "",
    )
    try:
        requests = list(test.timeline(_START))
    except InvalidRequestError as error:
        return [f"a request cannot be made: {error}"]
    decisions = [await _decide(engine, clock, request) for request in requests]
    await engine.close()
    return [failure for e in test.expect for failure in _failures(e, requests, decisions)]


async def _decide(engine: Engine, clock: ManualClock, request: Request) -> Decision:
    clock.set(request.received_at or _START)
    [decision] = await engine.evaluate([request])
    return decision


def _failures(
    expectation: Expectation, requests: list[Request], decisions: list[Decision]
) -> Iterator[str]:
    """What differs, for each request that the expectation means; the first one when for each."""
    for number in _meant(expectation, len(requests)):
        differences = list(_differences(expectation, decisions[number - 1]))
        if differences:
            which = _which(number, requests)
            yield f"{which}: {', '.join(differences)}; {_told(decisions[number - 1])}"
            return


def _meant(expectation: Expectation, count: int) -> Sequence[int]:
    if expectation.at == "each":
        return range(1, count + 1)
    return [count if expectation.at == "last" else expectation.at]


def _differences(expectation: Expectation, decision: Decision) -> Iterator[str]:
    came = {
        "verdict": decision.verdict.word,
        "stage": decision.stage,
        "rule": decision.rule_id,
        "reason": decision.reason,
    }
    for name, value in came.items():
        expected = getattr(expectation, name)
        if expected is not None and expected != value:
            yield f"expected {name} {expected or 'none'}, got {value or 'none'}"
    if expectation.hits is not None:
        yield from _hit_differences(set(expectation.hits), {hit.rule_id for hit in decision.hits})
    score, limits = decision.anomaly_score, expectation.score
    if limits is not None and (score is None or not limits.min <= score <= limits.max):
        got = "none" if score is None else f"{score:.3f}"
        yield f"expected a score from {limits.min} to {limits.max}, got {got}"


def _hit_differences(expected: set[str], came: set[str]) -> Iterator[str]:
    if missing := sorted(expected - came):
        yield f"expected hits of {', '.join(missing)}, which did not fire"
    if others := sorted(came - expected):
        yield f"expected no hits of {', '.join(others)}"


def _which(number: int, requests: list[Request]) -> str:
    request = requests[number - 1]
    after = (request.received_at or _START) - _START
    return (
        f"request {number} of {len(requests)} "
        f"({request.method} {request.path} from {request.address.text} after {after:g} s)"
    )


def _told(decision: Decision) -> str:
    """Why the decision was what it was."""
    hits = [
        f"{hit.rule_id}{' (observed)' if hit.observed else ''} says {hit.reason}"
        + (f", {hit.detail}" if hit.detail else "")
        for hit in decision.hits
    ]
    return "; ".join(hits) or "no rule fired"
