"""What limits do while their store is away."""

import pytest

from riskengine.decision import Verdict
from riskengine.inspection import Batch
from riskengine.store.counters import Counters
from riskengine.store.redis import RedisCounters
from tests.stages.limit_bench import ROUTES, Bench, limit, request


def absent() -> Counters:
    """A store that is not there."""
    return RedisCounters("unix:///nowhere/store.sock", timeout_s=1)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("local", ["allow", "allow", "throttle"]),
        ("open", ["allow", "allow", "allow"]),
        ("closed", ["throttle", "throttle", "throttle"]),
    ],
)
async def test_without_the_store_each_rule_does_as_it_says(
    policy: str, expected: list[str]
) -> None:
    bench = Bench(limit(on_store_error=policy), counters=absent())
    inspections = await bench.run(*[request()] * 3)
    assert [i.verdict.word for i in inspections] == expected
    assert {i.degraded for i in inspections} == {("store",)}


async def test_a_closed_limit_names_the_store_and_when_to_come_back() -> None:
    bench = Bench(limit(on_store_error="closed", verdict="deny"), counters=absent())
    [inspection] = await bench.run(request())
    [hit] = inspection.hits
    assert (hit.reason, hit.verdict) == ("rate_limit.store_unavailable", Verdict.DENY)
    assert hit.retry_after_s == 1.0


async def test_a_closed_limit_that_observes_stops_nobody() -> None:
    bench = Bench(limit(on_store_error="closed", mode="observe"), counters=absent())
    [inspection] = await bench.run(request())
    assert inspection.verdict is Verdict.ALLOW
    assert inspection.hits[0].observed


async def test_what_a_closed_limit_stops_uses_no_local_limit_up() -> None:
    bench = Bench(
        limit(id="pages", limit=1),
        limit(id="login", match={"routes": ["login"]}, on_store_error="closed"),
        counters=absent(),
    )
    login = request(path="/login", method="POST")
    assert await bench.stops(login, login, request(), request()) == [True, True, False, True]


@pytest.mark.parametrize(("share", "admitted"), [(1.0, 8), (0.5, 4), (0.25, 2), (0.01, 1)])
async def test_a_process_counts_its_share_locally_and_one_at_least(
    share: float, admitted: int
) -> None:
    bench = Bench(limit(limit=8), counters=absent(), share=lambda: share)
    inspections = await bench.run(*[request()] * 10)
    assert sum(i.verdict is Verdict.ALLOW for i in inspections) == admitted
    assert inspections[0].limits[0].limit == admitted


async def test_a_small_share_of_a_pair_still_throttles_first() -> None:
    bench = Bench(limit(limit=2, deny_above=3), counters=absent(), share=lambda: 0.1)
    inspections = await bench.run(*[request()] * 3)
    assert [i.verdict.word for i in inspections] == ["allow", "throttle", "deny"]


async def test_a_share_always_has_room_for_one_request() -> None:
    bench = Bench(limit(limit=8, cost=4), counters=absent(), share=lambda: 0.1)
    assert await bench.stops(request(), request()) == [False, True]


async def test_requests_that_no_limit_counts_are_not_degraded() -> None:
    bench = Bench(limit(match={"routes": ["login"]}), counters=absent())
    [inspection] = await bench.run(request())
    assert (inspection.degraded, inspection.limits) == ((), ())


async def test_a_deadline_that_is_over_asks_nobody() -> None:
    bench = Bench(limit(limit=1))
    batch = Batch.of(
        [request(), request()], ROUTES, now=bench.clock.now(), deadline=bench.clock.monotonic()
    )
    await bench.stage.inspect(batch)
    assert [i.degraded for i in batch.every] == [("store",)] * 2
    assert [len(i.hits) for i in batch.every] == [0, 1]
    assert len(bench.counters) == 0  # type: ignore[arg-type] # the bench's default is in memory
