"""Who wins, and what a failing stage does."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.decision import RuleHit, Verdict
from riskengine.funnel import Funnel
from riskengine.inspection import Batch
from riskengine.request import make_request
from riskengine.ruleset.routes import RouteTable

Script = Sequence[Sequence[RuleHit]]


class Scripted:
    """A stage that leaves prepared hits on each open inspection; remembers whom it saw."""

    def __init__(self, name: str, hits: Script = (), *, allow: bool = False) -> None:
        self.name = name
        self.dispensable = False
        self.seen: list[str] = []
        self._hits = hits
        self._allow = allow

    async def inspect(self, batch: Batch) -> None:
        for inspection in batch.open:
            self.seen.append(inspection.request.request_id)
            number = int(inspection.request.request_id)
            if number < len(self._hits):
                inspection.hits += self._hits[number]
            if self._allow:
                inspection.allowlisted_by = RuleHit(self.name, "vip", Verdict.ALLOW, "allowlisted")


class Broken:
    name = "broken"

    def __init__(self, *, dispensable: bool) -> None:
        self.dispensable = dispensable

    async def inspect(self, batch: Batch) -> None:
        raise ZeroDivisionError


def hit(verdict: Verdict, rule: str = "r", *, observed: bool = False) -> RuleHit:
    return RuleHit("s", rule, verdict, "reason", observed=observed)


def batch_of(count: int) -> Batch:
    requests = [
        make_request(client_ip="203.0.113.7", method="GET", path="/", request_id=str(n))
        for n in range(count)
    ]
    return Batch.of(requests, RouteTable(()), now=0.0, deadline=1.0)


async def test_the_first_stage_with_an_enforced_stop_ends_the_funnel_for_that_request() -> None:
    first = Scripted("first", [[hit(Verdict.THROTTLE, "slow")], []])
    second = Scripted("second", [[hit(Verdict.DENY)], [hit(Verdict.DENY, "no")]])
    batch = batch_of(2)
    await Funnel([first, second]).run(batch)
    assert [i.verdict for i in batch.every] == [Verdict.THROTTLE, Verdict.DENY]
    assert [i.decided_by.rule_id for i in batch.every if i.decided_by] == ["slow", "no"]
    assert second.seen == ["1"]


async def test_within_a_stage_the_strictest_verdict_wins_and_the_first_among_equals() -> None:
    hits = [hit(Verdict.THROTTLE, "a"), hit(Verdict.DENY, "b"), hit(Verdict.DENY, "c")]
    batch = batch_of(1)
    await Funnel([Scripted("only", [hits])]).run(batch)
    assert batch.every[0].decided_by is hits[1]
    assert batch.every[0].hits == hits


async def test_an_allowlisted_request_is_allowed_and_still_sees_every_stage() -> None:
    lists = Scripted("lists", [[hit(Verdict.DENY)]], allow=True)
    later = Scripted("later", [[hit(Verdict.DENY)]])
    batch = batch_of(1)
    await Funnel([lists, later]).run(batch)
    assert batch.every[0].verdict is Verdict.ALLOW
    assert later.seen == ["0"]
    assert [hit.observed for hit in batch.every[0].hits] == [True, True]


async def test_a_failing_dispensable_stage_is_named_and_the_rest_goes_on() -> None:
    failed: list[str] = []
    last = Scripted("last", [[hit(Verdict.DENY)]])
    batch = batch_of(1)
    funnel = Funnel([Broken(dispensable=True), last], on_failure=failed.append)
    await funnel.run(batch)
    assert batch.every[0].degraded == ("broken",)
    assert batch.every[0].verdict is Verdict.DENY
    assert failed == ["broken"]


async def test_a_failing_indispensable_stage_takes_no_decision() -> None:
    with pytest.raises(ZeroDivisionError):
        await Funnel([Broken(dispensable=False)]).run(batch_of(1))


verdicts = st.sampled_from([Verdict.THROTTLE, Verdict.DENY])
hits = st.lists(st.builds(hit, verdicts, observed=st.booleans()), max_size=3)
scripts = st.lists(st.lists(hits, max_size=4), min_size=1, max_size=4)


@given(scripts)
async def test_observed_hits_never_change_an_outcome(script: list[list[list[RuleHit]]]) -> None:
    enforced = [[[h for h in hits if not h.observed] for hits in stage] for stage in script]
    full, bare = batch_of(4), batch_of(4)
    await Funnel([Scripted(str(n), stage) for n, stage in enumerate(script)]).run(full)
    await Funnel([Scripted(str(n), stage) for n, stage in enumerate(enforced)]).run(bare)
    assert [i.verdict for i in full.every] == [i.verdict for i in bare.every]
    assert [i.decided_by for i in full.every] == [i.decided_by for i in bare.every]


@given(scripts)
async def test_allowlisted_requests_are_never_stopped(script: list[list[list[RuleHit]]]) -> None:
    stages = [Scripted(str(n), stage) for n, stage in enumerate(script)]
    batch = batch_of(4)
    await Funnel([Scripted("lists", allow=True), *stages]).run(batch)
    assert {i.verdict for i in batch.every} == {Verdict.ALLOW}
    assert all(stage.seen == ["0", "1", "2", "3"] for stage in stages)
