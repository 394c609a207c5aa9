import itertools
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskengine.decision import Verdict
from riskengine.request import Request
from tests.stages.limit_bench import SAME, Bench, limit, request


async def test_the_third_request_above_a_limit_of_two_is_throttled_and_told_why() -> None:
    bench = Bench(limit())
    first, second, third = await bench.run(*[request()] * 3)
    assert [i.verdict.word for i in (first, second, third)] == ["allow", "allow", "throttle"]
    [hit] = third.hits
    assert (hit.stage, hit.rule_id, hit.reason) == ("rate_limits", "lim", "rate_limit.exceeded")
    assert hit.detail == "more than 2 in 1m for ip:203.0.113.7"
    assert hit.retry_after_s is not None
    assert 54 < hit.retry_after_s <= 66
    [state] = second.limits
    assert (state.rule_id, state.limit, state.remaining, state.window_s) == ("lim", 2, 0, 60.0)


async def test_waiting_for_retry_after_is_enough() -> None:
    bench = Bench(limit())
    *_, third = await bench.run(*[request()] * 3)
    assert third.hits[0].retry_after_s is not None
    bench.clock.advance(third.hits[0].retry_after_s)
    assert await bench.stops(request()) == [False]


async def test_a_rule_may_deny() -> None:
    bench = Bench(limit(verdict="deny", limit=1))
    _, second = await bench.run(request(), request())
    assert second.verdict is Verdict.DENY


async def test_an_observing_rule_records_and_stops_nobody() -> None:
    bench = Bench(limit(mode="observe", limit=1))
    _, second = await bench.run(request(), request())
    assert second.verdict is Verdict.ALLOW
    assert second.hits[0].observed
    assert second.limits[0].observed


async def test_a_disabled_rule_does_not_even_count() -> None:
    [inspection] = await Bench(limit(mode="disabled")).run(request())
    assert inspection.limits == ()


async def test_a_cost_takes_several_hits() -> None:
    bench = Bench(limit(limit=5, cost=2))
    assert await bench.stops(*[request()] * 3) == [False, False, True]


async def test_the_strictest_of_several_limits_decides() -> None:
    bench = Bench(limit(id="soft", limit=1), limit(id="hard", limit=1, verdict="deny"))
    _, second = await bench.run(request(), request())
    assert second.decided_by is not None
    assert second.decided_by.rule_id == "hard"
    assert [hit.rule_id for hit in second.hits] == ["soft", "hard"]


async def test_an_allowlisted_request_uses_nothing_up_and_is_only_recorded() -> None:
    bench = Bench(limit(limit=1))
    first, second = await bench.run(request(), request(), allowlisted=True)
    assert (first.hits, [hit.observed for hit in second.hits]) == ([], [True])
    assert await bench.stops(request(), request()) == [False, True]


async def test_received_at_is_the_time_where_it_is_believed() -> None:
    bench = Bench(limit(limit=1), believe_received_at=True)
    times = (1_000.0, 1_059.0, 1_067.0)
    assert await bench.stops(*[request(received_at=at) for at in times]) == [False, True, False]


async def test_received_at_is_ignored_where_it_is_not_believed() -> None:
    bench = Bench(limit(limit=1))
    assert await bench.stops(*[request(received_at=at) for at in (1_000.0, 9_000.0)]) == SAME


LIMITS = (
    limit(id="page", limit=3, window="1s"),
    limit(id="user", key=["user"], limit=2, window="3s", cost=2),
    limit(id="watch", key=["ip", "user"], limit=1, window="1s", mode="observe"),
)
requests_ = st.lists(
    st.builds(
        lambda ip, user, at: request(f"203.0.113.{ip}", user_id=user, received_at=1_000 + at),
        st.integers(1, 2),
        st.sampled_from(["", "a", "b"]),
        st.floats(0, 5),
    ),
    max_size=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests_, st.lists(st.integers(1, 6), min_size=1))
async def test_cutting_a_sequence_into_batches_changes_nothing(
    requests: list[Request], sizes: list[int]
) -> None:
    async def play(sizes: list[int]) -> list[Any]:
        bench = Bench(*LIMITS, believe_received_at=True)
        rest, found, turns = list(requests), [], itertools.cycle(sizes)
        while rest:
            size = next(turns)
            found += [(i.hits, i.limits) for i in await bench.run(*rest[:size])]
            del rest[:size]
        return found

    assert await play(sizes) == await play([1])


@settings(deadline=None)
@given(requests_)
async def test_observing_rules_change_nothing_for_the_others(requests: list[Request]) -> None:
    alone = await Bench(*LIMITS[:2], believe_received_at=True).run(*requests)
    watched = await Bench(*LIMITS, believe_received_at=True).run(*requests)
    assert [i.decided_by for i in watched] == [i.decided_by for i in alone]
    assert [i.limits[:-1] if i.request.user_id else i.limits for i in watched] == [
        i.limits for i in alone
    ]
