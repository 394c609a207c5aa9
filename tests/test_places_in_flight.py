"""Limits of requests in flight, through the engine: taken, given back, lapsed."""

from pathlib import Path
from typing import Any

from riskengine.clock import ManualClock
from riskengine.decision import Verdict
from riskengine.engine import Engine
from riskengine.outcome import Outcome
from riskengine.request import make_request
from riskengine.ruleset.addresses import AddressesFile
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.ruleset.ruleset import Ruleset
from riskengine.store.counters import Counters
from riskengine.store.redis import RedisCounters
from tests.whole_engine import FixedModel

FLIGHT = {
    "id": "flight",
    "description": "x",
    "key": ["ip"],
    "limit": 2,
    "window": "30s",
    "algorithm": "concurrency",
}


def engine_of(clock: ManualClock, counters: Counters | None = None, **behavior: Any) -> Engine:
    rules = Ruleset(
        addresses=AddressesFile(),
        parameters=ParametersFile(),
        limits=LimitsFile.model_validate({"limits": [FLIGHT]}),
        behavior=BehaviorFile.model_validate(behavior),
        routes=RouteTable(()),
        revision="test",
        directory=Path("rules"),
    )
    model = FixedModel() if behavior else None
    return Engine(rules, model=model, counters=counters, clock=clock)


async def ask(engine: Engine) -> tuple[Verdict, str]:
    request = make_request(client_ip="203.0.113.7", method="GET", path="/")
    [decision] = await engine.evaluate([request])
    return decision.verdict, decision.decision_id


async def test_an_outcome_gives_the_place_back_once() -> None:
    engine = engine_of(ManualClock())
    first, ticket = await ask(engine)
    second, _ = await ask(engine)
    third, _ = await ask(engine)
    assert [first, second, third] == [Verdict.ALLOW, Verdict.ALLOW, Verdict.THROTTLE]
    for _ in range(2):
        engine.report_outcomes([Outcome(ticket, 200)])
    verdicts = [(await ask(engine))[0] for _ in range(2)]
    assert verdicts == [Verdict.ALLOW, Verdict.THROTTLE]


async def test_a_place_that_nobody_gives_back_lapses() -> None:
    clock = ManualClock()
    engine = engine_of(clock)
    assert [(await ask(engine))[0] for _ in range(3)][2] is Verdict.THROTTLE
    clock.advance(30)
    assert (await ask(engine))[0] is Verdict.ALLOW


async def test_what_a_later_stage_stops_holds_no_place() -> None:
    stop_all: dict[str, Any] = {
        "model": "fixed",
        "min_requests": 2,
        "thresholds": [{"id": "all", "description": "x", "threshold": 1e-9, "verdict": "deny"}],
    }
    engine = engine_of(ManualClock(), **stop_all)
    stages = []
    for _ in range(6):
        request = make_request(client_ip="203.0.113.7", method="GET", path="/")
        [decision] = await engine.evaluate([request])
        stages.append(decision.stage)
    assert "behavior" in stages
    assert "rate_limits" not in stages


async def test_without_the_store_places_are_given_back_too() -> None:
    away = RedisCounters("unix:///nowhere/store.sock", timeout_s=1)
    engine = engine_of(ManualClock(), away)
    tickets = [(await ask(engine))[1] for _ in range(2)]
    assert (await ask(engine))[0] is Verdict.THROTTLE
    engine.report_outcomes([Outcome(ticket, 200) for ticket in tickets])
    assert (await ask(engine))[0] is Verdict.ALLOW
    await engine.close()
