"""What a limit rule may ask beside a window: costs, quotas, groups, rollout, pairs, guards."""

import asyncio
from typing import Any

import pytest

from riskengine.clock import ManualClock
from riskengine.decision import Verdict
from riskengine.inspection import Batch, Inspection
from riskengine.request import Request
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.routes import Route, RouteTable
from riskengine.stages.escalation import Escalations
from riskengine.stages.limit_periods import Periods
from riskengine.stages.rate_limits import RateLimitsStage
from riskengine.store.counters import Hit
from riskengine.store.memory import MemoryCounters
from tests.stages.test_rate_limits import limit, request

ROUTES = RouteTable(
    [
        Route(id="search", path="/search", points=5),
        Route(id="page", path="/page"),
    ]
)
NOON = 1_795_518_000.0  # 2026-11-24 12:00 in Berlin
DAY_S = 86_400


class Recording(MemoryCounters):
    """Remembers the keys that were counted."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.hits: list[Hit] = []

    async def hit(self, requests: Any, **more: Any) -> Any:
        self.hits += [hit for hits in requests for hit in hits]
        return await super().hit(requests, **more)


class Bench:
    """A stage over memory, on a clock that the test moves."""

    def __init__(self, *limits: dict[str, Any], at: float = NOON, **more: Any) -> None:
        self.clock = ManualClock(at)
        self.counters = Recording(self.clock)
        self._more = more
        self.load(*limits)

    def load(self, *limits: dict[str, Any]) -> None:
        """As a reload does: new rules over the counters that there are."""
        rules = LimitsFile.model_validate({"limits": list(limits)})
        self.stage = RateLimitsStage(rules, self.counters, clock=self.clock, **self._more)

    async def run(self, *requests: Request) -> list[Inspection]:
        now = self.clock.now()
        batch = Batch.of(requests, ROUTES, now=now, deadline=self.clock.monotonic() + 1)
        await self.stage.inspect(batch)
        batch.settle()
        return batch.every

    async def verdicts(self, *requests: Request) -> str:
        """A letter for each request: a, t or d."""
        return "".join([(await self.run(one))[0].verdict.word[0] for one in requests])


@pytest.mark.parametrize("algorithm", ["strict", "exact", "approx", "pace"])
async def test_every_algorithm_admits_up_to_its_limit_at_once_and_again_after_the_wait(
    algorithm: str,
) -> None:
    burst = {"burst": 3} if algorithm == "pace" else {}
    bench = Bench(limit(limit=3, algorithm=algorithm, **burst))
    *_, last = await bench.run(*[request()] * 4)
    assert last.verdict is Verdict.THROTTLE
    retry_after_s = last.hits[0].retry_after_s
    assert retry_after_s is not None
    bench.clock.advance(retry_after_s - 0.000_01)
    assert await bench.verdicts(request()) == "t"
    bench.clock.advance(0.000_02)
    assert await bench.verdicts(request()) == "a"


async def test_a_body_may_cost_its_bytes() -> None:
    bench = Bench(limit(limit=100, cost="body_bytes"))
    bodies = [request(body=b"x" * 60), request(body=b"x" * 60), request(body_size=40), request()]
    assert await bench.verdicts(*bodies) == "atat"


async def test_a_route_may_cost_its_points() -> None:
    bench = Bench(limit(limit=8, cost="route_points"))
    asked = [request(path="/search"), request(path="/page"), request(path="/search")]
    assert await bench.verdicts(*asked, request(path="/nowhere")) == "aata"


@pytest.mark.parametrize(
    ("calendar", "zone", "moment", "starts", "hours"),
    [
        ("day", "Europe/Berlin", NOON, 1_795_474_800, 24),
        ("week", "Europe/Berlin", NOON, 1_795_388_400, 7 * 24),
        ("month", "Europe/Berlin", NOON, 1_793_487_600, 30 * 24),
        ("day", "Europe/Berlin", 1_792_900_000, 1_792_879_200, 25),  # summer time ended that day
        ("day", "Asia/Kolkata", NOON, 1_795_458_600, 24),
        ("month", "UTC", NOON, 1_793_491_200, 30 * 24),
    ],
)
def test_a_period_begins_and_ends_at_local_midnight(
    calendar: Any, zone: str, moment: float, starts: int, hours: int
) -> None:
    period = Periods(calendar, zone).at(moment)
    assert period.starts_us == starts * 1_000_000
    assert period.ends_us - period.starts_us == hours * 3_600_000_000


async def test_a_quota_of_a_day_is_whole_again_after_midnight_there() -> None:
    quota = limit(limit=2, calendar="day", time_zone="Europe/Berlin")
    del quota["window"]
    bench = Bench(quota)
    *_, third = await bench.run(*[request()] * 3)
    assert third.hits[0].retry_after_s == 12 * 3_600
    assert third.hits[0].detail == "more than 2 in a day of Europe/Berlin for ip:203.0.113.7"
    bench.clock.advance(12 * 3_600 - 1)
    assert await bench.verdicts(request()) == "t"
    bench.clock.advance(1)
    assert await bench.verdicts(*[request()] * 3) == "aat"


async def test_who_hammers_stays_out_where_refused_requests_count() -> None:
    bench = Bench(limit(limit=2, count_denied=True))
    for _ in range(30):
        await bench.run(request())
        bench.clock.advance(10)
    assert await bench.verdicts(request()) == "t"
    bench.clock.advance(67)
    assert await bench.verdicts(request()) == "a"


async def test_a_pair_throttles_first_and_denies_who_goes_on() -> None:
    bench = Bench(limit(limit=2, deny_above=4))
    assert await bench.verdicts(*[request()] * 6) == "aattdd"
    [last] = await bench.run(request())
    assert last.decided_by is not None
    assert last.decided_by.detail == "more than 4 attempts in 1m for ip:203.0.113.7"
    assert [state.rule_id for state in last.limits] == ["lim"], "one state for the pair"
    bench.clock.advance(67)
    assert await bench.verdicts(request()) == "a"


async def test_all_rules_that_match_count() -> None:
    bench = Bench(limit(id="all"), limit(id="page", match={"paths": ["/page"]}))
    [inspection] = await bench.run(request(path="/page"))
    assert [state.rule_id for state in inspection.limits] == ["all", "page"]


@pytest.mark.parametrize(
    ("asked", "counted"),
    [
        (request(path="/page", method="POST"), "page-posts"),
        (request(path="/page"), "page"),
        (request(path="/page/deep/below"), "below-page"),
        (request(path="/elsewhere"), "rest"),
    ],
)
async def test_of_a_group_only_the_most_specific_rule_counts(asked: Request, counted: str) -> None:
    bench = Bench(
        limit(id="rest", group="pages"),
        limit(id="below-all", group="pages", match={"paths": ["/page/**"]}, mode="disabled"),
        limit(id="below-page", group="pages", match={"paths": ["/page/deep/**"]}),
        limit(id="page", group="pages", match={"paths": ["/page"]}),
        limit(id="page-posts", group="pages", match={"paths": ["/page"], "methods": ["POST"]}),
        limit(id="outside"),
    )
    [inspection] = await bench.run(asked)
    assert sorted(state.rule_id for state in inspection.limits) == sorted([counted, "outside"])


async def test_an_observing_rule_takes_no_place_in_its_group() -> None:
    bench = Bench(
        limit(id="watch", group="g", match={"paths": ["/page"]}, mode="observe"),
        limit(id="real", group="g"),
    )
    [inspection] = await bench.run(request(path="/page"))
    assert {(state.rule_id, state.observed) for state in inspection.limits} == {
        ("watch", True),
        ("real", False),
    }


async def test_some_keys_have_a_limit_of_their_own() -> None:
    overrides = {"lim": {"acme": 4, "203.0.113.9": 1, "2001:db8::1": 3, "o'hara": 1}}
    bench = Bench(limit(key=["user"], limit=2), overrides=overrides)
    assert await bench.verdicts(*[request(user_id="acme")] * 5) == "aaaat"
    assert await bench.verdicts(*[request(user_id="other")] * 3) == "aat"
    assert await bench.verdicts(*[request(user_id="o'hara")] * 2) == "at"
    bench = Bench(limit(limit=2), overrides=overrides)
    assert await bench.verdicts(*[request("203.0.113.9")] * 2) == "at"
    assert await bench.verdicts(*[request("2001:db8::77")] * 4) == "aaat"


async def test_an_override_of_two_parts_names_both() -> None:
    bench = Bench(limit(key=["ip", "user"]), overrides={"lim": {"203.0.113.7,ada": 1}})
    assert await bench.verdicts(*[request(user_id="ada")] * 2) == "at"
    assert await bench.verdicts(*[request(user_id="bob")] * 2) == "aa"


async def test_a_rollout_enforces_about_its_share_of_keys_and_always_the_same_ones() -> None:
    clients = [request(f"198.51.{n // 250}.{n % 250}") for n in range(1_000)]
    stopped: list[set[str]] = []
    for share in (0, 25, 60, 100):
        bench = Bench(limit(limit=1, rollout=share))
        await bench.run(*clients)
        judged = await bench.run(*clients)
        assert all(inspection.hits for inspection in judged)
        stopped.append({i.request.address.text for i in judged if i.verdict is Verdict.THROTTLE})
    assert [len(some) for some in (stopped[0], stopped[3])] == [0, 1_000]
    assert 190 < len(stopped[1]) < 310
    assert stopped[1] < stopped[2], "who is in stays in when the share grows"


async def test_a_rule_holds_between_its_moments_only() -> None:
    bench = Bench(
        limit(limit=1, starts_at="2026-11-24T12:00:00Z", expires_at="2026-11-24T13:00:00Z")
    )
    assert await bench.verdicts(request(), request()) == "aa"
    bench.clock.advance(3_600)
    assert await bench.verdicts(request(), request()) == "at"
    bench.clock.advance(3_600)
    assert await bench.verdicts(request(), request()) == "aa"


async def test_a_new_limit_holds_for_what_was_counted_and_a_new_window_starts_afresh() -> None:
    bench = Bench(limit(limit=5))
    assert await bench.verdicts(*[request()] * 4) == "aaaa"
    bench.load(limit(limit=3))
    assert await bench.verdicts(request()) == "t"
    bench.load(limit(limit=6))
    assert await bench.verdicts(*[request()] * 3) == "aat"
    bench.load(limit(limit=2, window="2m"))
    assert await bench.verdicts(*[request()] * 3) == "aat"
    bench.load(limit(limit=2, algorithm="exact"))
    assert await bench.verdicts(*[request()] * 3) == "aat"
    bench.load(limit(limit=6))
    assert await bench.verdicts(request()) == "t", "what the first window holds is still there"


async def test_a_rule_that_is_switched_off_and_on_goes_on_where_it_was() -> None:
    bench = Bench(limit(limit=1))
    assert await bench.verdicts(request()) == "a"
    bench.load(limit(limit=1, mode="disabled"))
    assert await bench.verdicts(request()) == "a"
    bench.load(limit(limit=1, mode="observe"))
    assert await bench.verdicts(request()) == "a"
    bench.load(limit(limit=1))
    assert await bench.verdicts(request()) == "t"


async def test_keys_carry_the_version_of_their_format() -> None:
    bench = Bench(limit())
    await bench.run(request())
    assert [hit.key for hit in bench.counters.hits] == ["default:rl1:{ip:203.0.113.7}:lim:60000000"]


async def test_the_addresses_of_an_ipv6_site_share_a_wider_limit() -> None:
    bench = Bench(limit(limit=2, ipv6_site=3))
    homes = [request(f"2001:db8:7:{n:x}::1") for n in range(8)]
    assert await bench.verdicts(*homes) == "aaaaaatt"
    [inspection] = await bench.run(homes[7])
    assert inspection.hits[0].detail == "more than 6 in 1m for site:2001:db8:7::/48"
    assert await bench.verdicts(request("2001:db8:8::1")) == "a"


async def test_past_its_cap_of_keys_a_rule_counts_by_a_coarser_key_and_says_so() -> None:
    bench = Bench(
        limit(key=["session"], limit=1, keys_max=500, coarser={"key": ["ip"], "limit": 3})
    )
    strangers = [request(session_id=f"s{n}") for n in range(600)]
    judged = await bench.run(*strangers)
    assert judged[0].degraded == ()
    assert bench.stage.plan.limits[0].too_many_keys
    *_, last = await bench.run(*strangers[:4])
    assert last.degraded == ("limit_keys",)
    assert last.hits[0].detail == "more than 3 in 1m for ip:203.0.113.7"
    bench.clock.advance(180)
    [later] = await bench.run(request(session_id="new"))
    assert later.degraded == (), "the flood is over and forgotten"


async def test_without_a_word_the_coarser_key_is_the_network() -> None:
    bench = Bench(limit(limit=1, keys_max=100))
    await bench.run(*[request(f"198.51.{n // 250}.{n % 250}") for n in range(400)])
    bench.counters.hits.clear()
    await bench.run(request("203.0.113.7"), request("2001:db8:7:1::1"))
    assert [(hit.key, hit.limit) for hit in bench.counters.hits][:2] == [
        ("default:rl1:{network:203.0.113.0/24}:lim:60000000", 16),
        ("default:rl1:{network:2001:db8:7::/48}:lim:60000000", 16),
    ]


async def test_requests_in_flight_hold_places_that_only_counted_requests_take() -> None:
    bench = Bench(
        limit(id="flight", limit=2, algorithm="concurrency", window="30s"),
        limit(id="few", limit=3),
    )
    held = [await bench.run(request()) for _ in range(2)]
    assert all(len(inspection.places) == 1 for [inspection] in held)
    [third] = await bench.run(request())
    assert (third.verdict, third.places) == (Verdict.THROTTLE, ())
    assert third.hits[0].detail == "more than 2 at once for ip:203.0.113.7"
    places = held[0][0].places
    await bench.counters.hit([[place._replace(cost=0) for place in places]], budget_s=1)
    assert await bench.verdicts(request(), request()) == "at"
    bench.clock.advance(30)
    assert await bench.verdicts(request()) == "t", "few has room for three in a minute only"


class Bans:
    """Remembers for how long whom."""

    def __init__(self) -> None:
        self.lengths: list[float] = []

    def ban(self, request: Request, *, rule_id: str, for_s: float, all_hosts: bool) -> None:
        assert (request.address.text, rule_id) == ("203.0.113.7", "lim")
        self.lengths.append(for_s)


async def test_who_offends_again_is_banned_for_longer_and_comes_down_with_time() -> None:
    bans, clock = Bans(), ManualClock(NOON)
    escalations = Escalations(MemoryCounters(clock), bans)
    escalating = limit(
        limit=1, verdict="deny", escalation={"bans": ["1m", "10m", "1h"], "forget": "1d"}
    )

    async def offend() -> None:
        """With a limit that starts afresh each time."""
        bench = Bench(escalating, at=clock.now(), escalations=escalations)
        await bench.run(*[request()] * 3)
        await escalations.settled()

    for pause_s in (0.0, 2.0, 70.0, 700.0, 4_000.0, 4_000.0):
        clock.advance(pause_s)
        await offend()
    assert bans.lengths == [60, 600, 3_600, 3_600, 3_600], "the second was within a minute"
    for days in (2.5, 10):
        clock.advance(days * DAY_S)
        await offend()
    assert bans.lengths[5:] == [600, 60]


async def test_watching_rules_and_throttles_are_no_offence() -> None:
    bans = Bans()
    clock = ManualClock(NOON)
    escalations = Escalations(MemoryCounters(clock), bans)
    steps = {"bans": ["1m"], "forget": "1d"}
    for fields in ({"verdict": "deny", "mode": "observe"}, {"deny_above": 50}):
        bench = Bench(limit(limit=1, escalation=steps, **fields), escalations=escalations)
        await bench.run(*[request()] * 3)
        await escalations.settled()
    await asyncio.sleep(0)
    assert bans.lengths == []
