import itertools
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.decision import RuleHit, Verdict
from riskengine.inspection import Batch, Inspection
from riskengine.request import Request, make_request
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.routes import Route, RouteTable
from riskengine.stages.rate_limits import RateLimitsStage
from riskengine.store.counters import Counters
from riskengine.store.memory import MemoryCounters
from riskengine.store.redis import RedisCounters

ROUTES = RouteTable(
    [
        Route(id="login", methods=("POST",), path="/login"),
        Route(id="product", path="/products/{id}"),
        Route(id="stock", path="/api/stock", kind="api"),
    ]
)
ALLOWLISTED = RuleHit("addresses", "friends", Verdict.ALLOW, "address.allowlisted")


def limit(**fields: Any) -> dict[str, Any]:
    return {"id": "lim", "description": "x", "key": ["ip"], "limit": 2, "window": "1m", **fields}


def request(client_ip: str = "203.0.113.7", path: str = "/", **fields: Any) -> Request:
    return make_request(client_ip=client_ip, path=path, **{"method": "GET", **fields})


class Bench:
    """A stage with everything it needs, on a clock that stands still."""

    def __init__(
        self, *limits: dict[str, Any], counters: Counters | None = None, **more: Any
    ) -> None:
        self.clock = ManualClock()
        self.counters = counters or MemoryCounters(self.clock)
        rules = LimitsFile.model_validate({"limits": list(limits)})
        self.stage = RateLimitsStage(rules, self.counters, clock=self.clock, **more)

    async def run(self, *requests: Request, allowlisted: bool = False) -> list[Inspection]:
        batch = Batch.of(
            requests,
            ROUTES,
            now=self.clock.now(),
            deadline=self.clock.monotonic() + 1,
            believe_received_at=True,
        )
        if allowlisted:
            for inspection in batch.every:
                inspection.allowlisted_by = ALLOWLISTED
        await self.stage.inspect(batch)
        batch.settle()
        return batch.every

    async def stops(self, *requests: Request) -> list[bool]:
        """Whether each of the requests, asked one after the other, was stopped."""
        return [(await self.run(one))[0].verdict is not Verdict.ALLOW for one in requests]


def absent() -> Counters:
    """A store that is not there."""
    return RedisCounters("unix:///nowhere/store.sock", timeout_s=1)


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


SAME, APART = [False, True], [False, False]


@pytest.mark.parametrize(
    ("key", "first", "second", "stops"),
    [
        (["ip"], request(), request(), SAME),
        (["ip"], request(), request("203.0.113.8"), APART),
        (["ip"], request("2001:db8::1"), request("2001:db8::ffff"), SAME),
        (["ip"], request("2001:db8::1"), request("2001:db8:0:1::1"), APART),
        (["ip"], request(), request("::ffff:203.0.113.7"), SAME),
        (["ip"], request(namespace="de"), request(namespace="fr"), APART),
        (["user"], request(user_id="a"), request("203.0.113.8", user_id="a"), SAME),
        (["user"], request(user_id="a"), request(user_id="A"), APART),
        (["user"], request(), request(), APART),
        (["session"], request(session_id="s"), request(session_id="t"), APART),
        (["device"], request(device_id="d"), request(device_id="d"), SAME),
        (["tls"], request(tls_fingerprint="t13d"), request(tls_fingerprint="t13d"), SAME),
        (["host"], request(host="Shop.example"), request(host="shop.example"), SAME),
        (["method"], request(), request(method="POST"), APART),
        (["namespace"], request(), request("203.0.113.8"), SAME),
        (["route"], request(path="/products/1"), request(path="/products/2"), SAME),
        (["route"], request(path="/nowhere"), request(path="/nowhere"), APART),
        (["ip", "user"], request(user_id="a"), request(user_id="a"), SAME),
        (["ip", "user"], request(user_id="a"), request(user_id="b"), APART),
        (["ip", "user"], request(user_id="a"), request(), APART),
        (["attribute:plan"], request(attributes={"plan": "x"}), request(), APART),
        (
            ["header:X-Key"],
            request(headers=(("x-key", "1"),)),
            request(headers=(("x-key", "1"),)),
            SAME,
        ),
    ],
)
async def test_key_decides_who_is_counted_together(
    key: list[str], first: Request, second: Request, stops: list[bool]
) -> None:
    assert await Bench(limit(key=key, limit=1)).stops(first, second) == stops


async def test_requests_that_lack_a_part_count_together_where_the_rule_says_so() -> None:
    bench = Bench(limit(key=["user"], missing="count", limit=1))
    assert await bench.stops(request(), request("203.0.113.8"), request(user_id="a")) == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("match", "counts", "passes"),
    [
        ({"methods": ["POST"]}, request(method="POST"), request()),
        ({"paths": ["/login"]}, request(path="/LOGIN"), request(path="/login2")),
        ({"paths": ["/api/**"]}, request(path="/api/a/b"), request(path="/apis")),
        ({"paths": ["/a/{id}", "/b"]}, request(path="/a/7"), request(path="/a/7/8")),
        ({"routes": ["product"]}, request(path="/products/9"), request(path="/login")),
        ({"kinds": ["api"]}, request(path="/api/stock"), request(path="/products/9")),
        ({"namespaces": ["de"]}, request(namespace="de"), request()),
        (
            {"attributes": {"plan": "free"}},
            request(attributes={"plan": "free", "age": "3"}),
            request(attributes={"plan": "paid"}),
        ),
        ({"headers": {"X-App": "1"}}, request(headers=(("x-app", "1"),)), request()),
        (
            {"methods": ["GET"], "paths": ["/api/**"]},
            request(path="/api/a"),
            request(path="/api/a", method="POST"),
        ),
    ],
)
async def test_match_decides_what_is_counted(
    match: dict[str, Any], counts: Request, passes: Request
) -> None:
    bench = Bench(limit(match=match, limit=1))
    assert await bench.stops(counts, counts, passes, passes) == [False, True, False, False]


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


ODD = ["a" * 49, "", "{}", "a}b", "a,user:b", "a:b", "ü", "\ud800", "a b", "\r\nFLUSHALL", "\0"]


@pytest.mark.parametrize("value", [v for v in ODD if v])
async def test_odd_values_make_short_plain_keys_and_stay_apart(value: str) -> None:
    seen: list[str] = []

    class Recording(MemoryCounters):
        async def hit(self, requests: Any, **more: Any) -> Any:
            seen.extend(hit.key for hits in requests for hit in hits)
            return await super().hit(requests, **more)

    bench = Bench(limit(key=["user"], limit=1), counters=Recording(ManualClock()))
    one, other = request(user_id=value), request(user_id=value + "x")
    assert await bench.stops(one, other, one) == [False, False, True]
    assert all(len(key) < 80 and key.isascii() and key.isprintable() for key in seen)
    assert all(key.count("{") == key.count("}") == 1 for key in seen)


async def test_nobody_can_pose_as_an_odd_value_by_sending_its_digest() -> None:
    odd = "x" * 49
    digest = blake2b(odd.encode(), digest_size=16).hexdigest()
    bench = Bench(limit(key=["user"], limit=1))
    posing = [request(user_id=value) for value in (digest, "#" + digest)]
    assert await bench.stops(request(user_id=odd), *posing) == [False] * 3


async def test_received_at_is_the_time_where_it_is_believed() -> None:
    bench = Bench(limit(limit=1), believe_received_at=True)
    times = (1_000.0, 1_059.0, 1_067.0)
    assert await bench.stops(*[request(received_at=at) for at in times]) == [False, True, False]


async def test_received_at_is_ignored_where_it_is_not_believed() -> None:
    bench = Bench(limit(limit=1))
    assert await bench.stops(*[request(received_at=at) for at in (1_000.0, 9_000.0)]) == SAME


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
