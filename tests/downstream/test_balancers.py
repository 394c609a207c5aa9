"""Whom balancers choose: shares by chi-square, turns, load, and keys that stay where they are."""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from riskengine.clock import ManualClock
from riskengine.downstream.balancer import Balancer
from riskengine.downstream.call import CallResult, Fate, Progress
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.hash_ring import HashRing
from riskengine.downstream.hashing import BoundedHash, KeyTable
from riskengine.downstream.inflight import InFlight
from riskengine.downstream.least_loaded import LeastLoaded, PowerOfTwo, calls_per_weight
from riskengine.downstream.maglev import Maglev
from riskengine.downstream.peak_ewma import PeakEwma
from riskengine.downstream.random_choice import RandomChoice, WeightedRandom
from riskengine.downstream.round_robin import RoundRobin, WeightedRoundRobin
from riskengine.downstream.slow_start import SlowStart

A, B, C = (Endpoint(f"10.0.0.{n}:80", weight=w) for n, w in ((1, 5), (2, 1), (3, 1)))


def fleet(count: int) -> list[Endpoint]:
    return [Endpoint(f"10.0.0.{number}:80") for number in range(1, count + 1)]


def anything(endpoint: Endpoint) -> bool:
    return True


def picks(
    balancer: Balancer, count: int, available: Callable[[Endpoint], bool] = anything
) -> list[Endpoint]:
    chosen = [balancer.pick(f"client {n}".encode(), available) for n in range(count)]
    assert None not in chosen
    return [endpoint for endpoint in chosen if endpoint is not None]


def assert_shares(chosen: Sequence[Endpoint], weights: dict[Endpoint, float]) -> None:
    """Chi-square: what was seen is not too unlikely under the weights (1 in 1 000)."""
    seen = Counter(chosen)
    assert set(seen) <= set(weights)
    total = sum(weights.values())
    expected = [len(chosen) * weight / total for weight in weights.values()]
    assert chisquare([seen[e] for e in weights], expected).pvalue > 0.001


def ring() -> BoundedHash:
    return BoundedHash(HashRing, InFlight())


def every_kind() -> dict[str, Balancer]:
    in_flight = InFlight()
    cost = calls_per_weight(in_flight)
    return {
        "round robin": RoundRobin(),
        "weighted round robin": WeightedRoundRobin(),
        "random": RandomChoice(random.Random(1)),
        "weighted random": WeightedRandom(random.Random(2)),
        "least loaded": LeastLoaded(cost, random.Random(3)),
        "power of two": PowerOfTwo(cost, random.Random(4)),
        "peak ewma": PowerOfTwo(PeakEwma(in_flight, ManualClock()), random.Random(5)),
        "ring": ring(),
        "maglev": BoundedHash(partial(Maglev, size=1009), InFlight()),
    }


@pytest.mark.parametrize("kind", every_kind())
def test_only_available_endpoints_are_chosen_and_all_of_them(kind: str) -> None:
    balancer = every_kind()[kind]
    balancer.update(fleet(6))
    up = set(fleet(6)[::2])
    assert set(picks(balancer, 300, up.__contains__)) == up


@pytest.mark.parametrize("kind", every_kind())
def test_nothing_is_chosen_where_nothing_is_available(kind: str) -> None:
    balancer = every_kind()[kind]
    assert balancer.pick(b"", anything) is None
    balancer.update(fleet(3))
    assert balancer.pick(b"", lambda _: False) is None


@pytest.mark.parametrize("kind", every_kind())
def test_an_endpoint_that_left_is_not_chosen_any_more(kind: str) -> None:
    balancer = every_kind()[kind]
    balancer.update(fleet(4))
    picks(balancer, 7)
    balancer.update(fleet(4)[1:])
    assert set(picks(balancer, 300)) == set(fleet(4)[1:])


@pytest.mark.parametrize("kind", [k for k in every_kind() if "ring" not in k and k != "maglev"])
def test_equal_endpoints_get_equal_shares(kind: str) -> None:
    balancer = every_kind()[kind]
    balancer.update(fleet(7))
    assert_shares(picks(balancer, 7_000), dict.fromkeys(fleet(7), 1.0))


def test_round_robin_takes_turns() -> None:
    balancer = RoundRobin()
    one, two, three = fleet(3)
    balancer.update([three, one, two, one])
    assert picks(balancer, 5) == [one, two, three, one, two]


def test_weighted_turns_are_spread_out() -> None:
    balancer = WeightedRoundRobin()
    balancer.update([A, B, C])
    assert picks(balancer, 7) == [A, A, B, A, C, A, A]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_weighted_turns_are_exact_over_one_round(weights: list[int]) -> None:
    balancer = WeightedRoundRobin()
    endpoints = [Endpoint(f"10.0.0.{n}:80", weight=w) for n, w in enumerate(weights, 1)]
    balancer.update(endpoints)
    seen = Counter(picks(balancer, sum(weights)))
    assert seen == {endpoint: endpoint.weight for endpoint in endpoints}


def test_weighted_random_follows_the_weights() -> None:
    balancer = WeightedRandom(random.Random(11))
    balancer.update([A, B, C])
    assert_shares(picks(balancer, 7_000), {A: 5, B: 1, C: 1})


def test_least_loaded_follows_calls_in_proportion_to_weight() -> None:
    in_flight = InFlight()
    balancer = LeastLoaded(calls_per_weight(in_flight), random.Random(1))
    balancer.update([A, B, C])
    for _ in range(70):
        chosen = balancer.pick(b"", anything)
        assert chosen is not None
        in_flight.started(chosen)
    assert [in_flight.count(e) for e in (A, B, C)] == [50, 10, 10]


def test_power_of_two_never_takes_the_fullest_and_reaches_all_others() -> None:
    in_flight = InFlight()
    balancer = PowerOfTwo(calls_per_weight(in_flight), random.Random(1))
    balancer.update(fleet(5))
    in_flight.started(fleet(5)[2])
    others = [e for e in fleet(5) if e != fleet(5)[2]]
    assert_shares(picks(balancer, 4_000), dict.fromkeys(others, 1.0))


def test_power_of_two_is_far_more_even_than_chance() -> None:
    """100 000 balls, 100 bins: chance leaves the fullest some 10 % over, two choices below 1 %."""
    in_flight = InFlight()
    balancer = PowerOfTwo(calls_per_weight(in_flight), random.Random(1))
    balancer.update(fleet(100))
    for endpoint in (balancer.pick(b"", anything) for _ in range(10_000)):
        assert endpoint is not None
        in_flight.started(endpoint)
    assert max(in_flight.count(e) for e in fleet(100)) <= 105


def result(endpoint: Endpoint, latency_s: float, fate: Fate = Fate.SUCCESS) -> CallResult:
    return CallResult(endpoint, fate, Progress.ANSWERED, latency_s)


def test_peak_ewma_leaves_a_stalled_endpoint_at_once_and_returns_in_time() -> None:
    clock = ManualClock()
    cost = PeakEwma(InFlight(), clock)
    balancer = LeastLoaded(cost, random.Random(1))
    one, two = fleet(2)
    balancer.update([one, two])
    cost.finished(result(one, 0.01))
    cost.finished(result(two, 0.012))
    assert set(picks(balancer, 20)) == {one}
    cost.finished(result(one, 2.0))
    assert set(picks(balancer, 20)) == {two}
    for _ in range(120):
        clock.advance(1)
        cost.finished(result(two, 0.012))
    assert set(picks(balancer, 20)) == {one}


def test_peak_ewma_lets_one_call_try_an_unknown_endpoint() -> None:
    in_flight = InFlight()
    cost = PeakEwma(in_flight, ManualClock())
    one, two = fleet(2)
    cost.finished(result(one, 0.01))
    balancer = LeastLoaded(cost, random.Random(1))
    balancer.update([one, two])
    assert balancer.pick(b"", anything) == two
    in_flight.started(two)
    assert set(picks(balancer, 20)) == {one}


def test_peak_ewma_fears_failures_that_come_quickly() -> None:
    cost = PeakEwma(InFlight(), ManualClock())
    one, two = fleet(2)
    for endpoint in (one, two):
        cost.finished(result(endpoint, 0.01))
    cost.finished(result(one, 0.001, Fate.FAILURE))
    assert cost(one) > cost(two)


KEYS = [f"198.51.{n // 256}.{n % 256}".encode() for n in range(20_000)]
TABLES: list[Callable[[Sequence[Endpoint]], KeyTable]] = [HashRing, Maglev]


def owners(table: KeyTable) -> list[Endpoint]:
    return [next(table.candidates(key)) for key in KEYS]


@pytest.mark.parametrize("build", TABLES)
@pytest.mark.parametrize("count", [3, 10, 30])
def test_few_keys_move_when_an_endpoint_goes(
    build: Callable[[Sequence[Endpoint]], KeyTable], count: int
) -> None:
    """At most 1.3 / N, whichever goes; the ring moves nothing but its own keys."""
    before = owners(build(fleet(count)))
    for gone in random.Random(3).sample(fleet(count), 3):
        after = owners(build([e for e in fleet(count) if e != gone]))
        moved = sum(b != a for b, a in zip(before, after, strict=True))
        assert moved <= 1.3 / count * len(KEYS)
        if build is HashRing:
            assert moved == before.count(gone)


@pytest.mark.parametrize("build", TABLES)
def test_keys_spread_by_weight(build: Callable[[Sequence[Endpoint]], KeyTable]) -> None:
    endpoints = [Endpoint(f"10.0.0.{n}:80", weight=w) for n, w in ((1, 4), (2, 2), (3, 1), (4, 1))]
    seen = Counter(owners(build(endpoints)))
    for endpoint in endpoints:
        expected = len(KEYS) * endpoint.weight / 8
        assert seen[endpoint] == pytest.approx(expected, rel=0.2)


def test_maglev_is_even_to_two_percent() -> None:
    table = Maglev(fleet(10))
    places = Counter(table._owners)
    assert max(places.values()) - min(places.values()) <= 1
    seen = Counter(owners(table))
    assert_shares(owners(table), {e: float(places[e]) for e in seen})


def test_maglev_refuses_a_size_that_is_no_prime() -> None:
    with pytest.raises(ValueError, match="size: must be a prime, got 1000"):
        Maglev(fleet(3), size=1000)


def test_equal_keys_meet_on_one_endpoint_whatever_the_order_of_the_list() -> None:
    one, other = ring(), ring()
    one.update(fleet(9))
    other.update(fleet(9)[::-1])
    assert picks(one, 500) == picks(other, 500)


@pytest.mark.parametrize("build", TABLES)
@given(calls=st.integers(1, 400), hot=st.integers(1, 20))
def test_no_endpoint_is_loaded_beyond_the_bound(
    build: Callable[[Sequence[Endpoint]], KeyTable], calls: int, hot: int
) -> None:
    """However few keys there are, one endpoint holds at most 1.25 times the mean, rounded up."""
    in_flight = InFlight()
    small = partial(Maglev, size=1009) if build is Maglev else partial(HashRing, points=20)
    balancer = BoundedHash(small, in_flight)
    balancer.update(fleet(5))
    for number in range(calls):
        chosen = balancer.pick(b"%d" % (number % hot), anything)
        assert chosen is not None
        in_flight.started(chosen)
        assert in_flight.count(chosen) <= math.ceil(1.25 * (number + 1) / 5)


def test_without_a_bound_a_hot_key_stays() -> None:
    in_flight = InFlight()
    balancer = BoundedHash(HashRing, in_flight, bound=math.inf)
    balancer.update(fleet(5))
    for _ in range(100):
        chosen = balancer.pick(b"hot", anything)
        assert chosen is not None
        in_flight.started(chosen)
    assert sorted(in_flight.count(e) for e in fleet(5)) == [0, 0, 0, 0, 100]


def test_slow_start_grows_the_share_of_a_newcomer() -> None:
    clock = ManualClock()
    slow = SlowStart(clock, window_s=30)
    one, two = fleet(2)
    balancer = WeightedRoundRobin(slow.weight_of)
    balancer.update([one, two])
    slow.begin(two)
    shares = []
    for _ in range(4):
        shares.append(Counter(picks(balancer, 110))[two])
        clock.advance(15)
    assert shares[0] == pytest.approx(10, abs=1)
    assert shares[1] == pytest.approx(37, abs=1)
    assert shares[2:] == [55, 55]
