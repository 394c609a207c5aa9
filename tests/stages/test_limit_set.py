"""Limits remember what they count of a client, and nobody can tell but by the clock."""

import math

from riskengine.decision import RuleHit, Verdict
from riskengine.inspection import Batch
from riskengine.stages.limit_set import KNOWN_MAX
from tests.stages.limit_bench import limit, request
from tests.stages.limit_feature_bench import ROUTES, Bench


async def test_a_client_that_comes_back_is_counted_as_it_was_the_first_time() -> None:
    rule = limit(limit=2, ipv6_site=3, deny_above=5, rollout=50)
    requests = [
        request(address, namespace=namespace)
        for address in ("203.0.113.7", "203.0.113.8", "2001:db8:7:1::1", "2001:db8:7:1::2")
        for namespace in ("default", "other")
    ]
    afresh = []
    for one in requests:
        new = Bench(rule)
        await new.run(one)
        afresh += new.counters.hits
    bench = Bench(rule)
    await bench.run(*requests, *requests)
    assert bench.counters.hits == afresh * 2


async def test_an_allowlisted_request_is_counted_apart_from_others_of_the_same_client() -> None:
    bench = Bench(limit(limit=2))
    for allowlisted in (False, True, False):
        batch = Batch.of([request()], ROUTES, now=bench.clock.now(), deadline=math.inf)
        if allowlisted:
            batch.every[0].allowlisted_by = RuleHit("addresses", "ours", Verdict.ALLOW, "listed")
        await bench.stage.inspect(batch)
    assert [hit.observed for hit in bench.counters.hits] == [False, True, False]
    assert [":allowlisted:" in hit.key for hit in bench.counters.hits] == [False, True, False]


async def test_clients_that_stay_are_counted_among_the_keys_of_each_period() -> None:
    bench = Bench(limit(key=["session"], limit=9, keys_max=500))
    strangers = [request(session_id=f"s{n}") for n in range(400)]
    [rule] = bench.stage.plan.limits
    for _ in range(3):
        judged = await bench.run(*strangers, *strangers)
        assert 350 < rule.keys.estimate < 450
        assert judged[-1].degraded == ()
        bench.clock.advance(60)


async def test_a_known_client_too_is_counted_by_the_coarser_key_past_the_cap() -> None:
    bench = Bench(limit(key=["session"], limit=900, keys_max=500))
    await bench.run(request(session_id="early"), request(session_id="early"))
    await bench.run(*[request(session_id=f"s{n}") for n in range(600)])
    [early] = await bench.run(request(session_id="early"))
    assert early.degraded == ("limit_keys",)
    assert "network:" in bench.counters.hits[-1].key


async def test_a_rule_remembers_so_many_clients_and_no_more() -> None:
    bench = Bench(limit(key=["session"], limit=1))
    for start in range(0, KNOWN_MAX + 600, 500):
        await bench.run(*[request(session_id=f"s{n}") for n in range(start, start + 500)])
    [inspection] = Batch.of([request()], ROUTES, now=0.0, deadline=0.0).every
    assert 0 < len(bench.stage.plan.limits_at(inspection)._known) <= KNOWN_MAX
    assert await bench.verdicts(request(session_id="s0")) == "t", "no counter was forgotten"


async def test_clients_of_two_keys_are_told_apart_by_both() -> None:
    bench = Bench(limit(id="a", key=["ip"]), limit(id="b", key=["session"], limit=1))
    await bench.run(request(session_id="s1"), request(session_id="s2"), request(session_id="s1"))
    keys = [hit.key for hit in bench.counters.hits if hit.key.endswith("b:60000000")]
    assert ["session:s1" in key for key in keys] == [True, False, True]


async def test_a_request_that_lacks_a_key_is_counted_by_the_other_limits_alone() -> None:
    bench = Bench(limit(id="a", key=["ip"]), limit(id="b", key=["session"]))
    await bench.run(request(session_id="s1"), request(), request(session_id="s1"), request())
    assert [":a:" in hit.key for hit in bench.counters.hits] == [True, False, True] * 2
