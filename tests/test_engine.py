"""The engine as a plain library."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from riskengine.behavior.features import NAMES
from riskengine.clock import ManualClock
from riskengine.decision import Decision, Verdict
from riskengine.engine import Engine, Loaded
from riskengine.errors import DeadlineError, RiskEngineError, RulesetError
from riskengine.outcome import Outcome
from riskengine.request import Request, make_request
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.store.memory import MemoryCounters
from tests.whole_engine import ENFORCED, START, FixedModel, engine_of, ruleset


def a_request(path: str = "/", *, at: float = START, ip: str = "203.0.113.1") -> Request:
    return make_request(client_ip=ip, method="POST", path=path, received_at=at)


async def decide(engine: Engine, *requests: Request) -> list[Decision]:
    return await engine.evaluate(requests)


async def test_it_needs_neither_server_nor_store_nor_model() -> None:
    engine = Engine(replace(ruleset(ENFORCED), behavior=BehaviorFile()))
    decisions = await decide(engine, *[a_request("/login") for _ in range(3)])
    assert [d.verdict for d in decisions] == [Verdict.ALLOW, Verdict.ALLOW, Verdict.DENY]
    assert (decisions[2].rule_id, decisions[2].reason) == ("login", "rate_limit.exceeded")
    assert len({d.decision_id for d in decisions}) == 3
    await engine.close()


async def test_no_requests_get_no_decisions() -> None:
    assert await decide(engine_of(ruleset(ENFORCED))) == []


async def test_a_budget_that_is_over_costs_no_work() -> None:
    with pytest.raises(DeadlineError):
        await engine_of(ruleset(ENFORCED)).evaluate([a_request()], budget_s=0)


async def test_an_outcome_teaches_the_profile_on_the_clock_that_decides() -> None:
    clock = ManualClock(START + 10**8)  # far from the time of the requests, as in a replay
    model = FixedModel()
    engine = Engine(
        ruleset(ENFORCED),
        model=model,
        counters=MemoryCounters(clock),
        clock=clock,
        believe_received_at=True,
    )
    for second in range(3):
        [decision] = await decide(engine, a_request(at=START + second))
        assert engine.report_outcomes([Outcome(decision.decision_id, 404)]) == 1
    await decide(engine, a_request(at=START + 3))
    assert model.seen[-1][NAMES.index("error_share")] == 1.0


async def test_outcomes_of_unknown_decisions_are_not_counted_as_known() -> None:
    assert engine_of(ruleset(ENFORCED)).report_outcomes([Outcome("nobody", 200)]) == 0


async def test_a_reload_swaps_rules_and_keeps_counts() -> None:
    clock = ManualClock(START)
    after = replace(ruleset(ENFORCED), revision="after")
    engine = Engine(
        ruleset(ENFORCED),
        model=FixedModel(),
        counters=MemoryCounters(clock),
        clock=clock,
        decision_ids=map(str, itertools.count()).__next__,
        reloader=lambda: Loaded(after, FixedModel()),
    )
    await decide(engine, a_request("/login"), a_request("/login"))
    await engine.reload()
    [decision] = await decide(engine, a_request("/login"))
    assert (decision.ruleset_revision, decision.rule_id) == ("after", "login")


async def test_a_failed_reload_keeps_the_last_good_rules_and_remembers_why() -> None:
    broken = RulesetError(["rules/limits.yaml:6: limit must be a whole number above 0"])

    def fail() -> Loaded:
        raise broken

    engine = Engine(ruleset(ENFORCED), model=FixedModel(), reloader=fail)
    with pytest.raises(RulesetError):
        await engine.reload()
    assert engine.reload_failure is broken
    [decision] = await decide(engine, a_request())
    assert decision.ruleset_revision == "test"


async def test_an_engine_without_a_source_says_so_when_asked_to_reload() -> None:
    with pytest.raises(RiskEngineError, match="without a source to reload from"):
        await engine_of(ruleset(ENFORCED)).reload()


async def test_decision_ids_are_unique_across_engines() -> None:
    engines = [Engine(replace(ruleset(ENFORCED), behavior=BehaviorFile())) for _ in range(2)]
    ids = [d.decision_id for e in engines for d in await decide(e, a_request(), a_request())]
    assert len(set(ids)) == 4


def test_rules_are_where_they_were_loaded_from() -> None:
    assert engine_of(ruleset(ENFORCED)).ruleset.directory == Path("rules")
