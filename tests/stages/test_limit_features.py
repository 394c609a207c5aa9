"""What a limit rule may ask beside a window: costs, quotas, groups, rollout, pairs, guards."""

from typing import Any

import pytest

from riskengine.decision import Verdict
from riskengine.stages.limit_periods import Periods
from tests.stages.limit_bench import limit, request
from tests.stages.limit_feature_bench import NOON, Bench


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
