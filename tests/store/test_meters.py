"""What each algorithm promises, held against an adversary who knows its edges."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.store.counters import Algorithm, Hit
from riskengine.store.meter import Meter, meter_for

MIDNIGHT = 10**9


class Attack(NamedTuple):
    """A limit, and bursts against it."""

    hit: Hit
    start: int
    bursts: list[tuple[int, int]]
    """Microseconds since the burst before, and how many hits come at once."""


def edges(window_us: int, limit: int) -> list[int]:
    """Gaps that an adversary likes: around buckets, windows and drained places."""
    place = window_us // limit
    around = [window_us // 10, window_us // 2, window_us, 2 * window_us, place]
    return sorted({0, 1, *(max(0, gap + more) for gap in around for more in (-1, 0, 1))})


@st.composite
def attacks(draw: st.DrawFn, algorithm: Algorithm, cost_max: int = 1) -> Attack:
    limit = draw(st.integers(1, 12))
    window_us = draw(st.sampled_from([12, 97, 1_000, 12_345]))
    hit = Hit(
        "key",
        limit,
        window_us,
        draw(st.integers(1, min(cost_max, limit))),
        algorithm=algorithm,
        burst=draw(st.integers(1, limit)) if algorithm is Algorithm.PACE else 1,
        count_denied=draw(st.booleans()),
    )
    if algorithm is Algorithm.PACE:
        hit = hit._replace(cost=min(hit.cost, hit.burst))
    gaps = st.sampled_from(edges(window_us, limit)) | st.integers(0, 3 * window_us)
    bursts = draw(st.lists(st.tuples(gaps, st.integers(1, 14)), min_size=1, max_size=40))
    return Attack(hit, draw(st.integers(0, 10**6)), bursts)


def play(attack: Attack) -> tuple[Meter, int, list[int]]:
    """The meter afterwards, the time of the last burst, and when each hit was admitted."""
    hit, now, admitted = attack.hit, attack.start, list[int]()
    meter = meter_for(hit)
    for gap, burst in attack.bursts:
        now += gap
        for _ in range(burst):
            fits = meter.room(hit, now) >= hit.cost
            if fits:
                admitted += [now] * hit.cost
            if fits or hit.count_denied:
                meter.add(hit, now)
    return meter, now, admitted


def most_in_a_window(admitted: list[int], window_us: int) -> int:
    """Most admitted hits in any trailing window (end - window, end]."""
    return max((sum(end - window_us < at <= end for at in admitted) for end in admitted), default=0)


@given(attacks(Algorithm.STRICT, cost_max=3))
def test_strict_never_admits_more_than_the_limit_in_any_window(attack: Attack) -> None:
    assert most_in_a_window(play(attack)[2], attack.hit.window_us) <= attack.hit.limit


@given(attacks(Algorithm.EXACT, cost_max=3))
def test_exact_never_admits_more_than_the_limit_in_any_window(attack: Attack) -> None:
    assert most_in_a_window(play(attack)[2], attack.hit.window_us) <= attack.hit.limit


@given(attacks(Algorithm.EXACT))
def test_exact_refuses_only_where_the_window_is_full(attack: Attack) -> None:
    hit = attack.hit._replace(count_denied=False)
    _, _, admitted = play(attack._replace(hit=hit))
    now, seen = attack.start, 0
    for gap, burst in attack.bursts:
        now += gap
        taken = sum(at == now for at in admitted[seen : seen + burst])
        seen += taken
        if taken < burst:
            assert sum(at > now - hit.window_us for at in admitted[:seen]) == hit.limit


@given(attacks(Algorithm.APPROX, cost_max=3))
def test_approx_admits_less_than_twice_the_limit_in_any_window(attack: Attack) -> None:
    most = most_in_a_window(play(attack)[2], attack.hit.window_us)
    assert most < 2 * attack.hit.limit


@given(attacks(Algorithm.PACE, cost_max=3))
def test_pace_admits_at_most_the_limit_and_a_burst_in_any_window(attack: Attack) -> None:
    hit = attack.hit
    assert most_in_a_window(play(attack)[2], hit.window_us) <= hit.limit + hit.burst


BOUNDS: dict[Algorithm, Callable[[Hit], int]] = {
    Algorithm.STRICT: lambda hit: hit.limit,
    Algorithm.EXACT: lambda hit: hit.limit,
    Algorithm.APPROX: lambda hit: 2 * hit.limit - 1,
    Algorithm.PACE: lambda hit: hit.limit + hit.burst,
}


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", BOUNDS)
def test_thousands_of_attacks_stay_within_the_bound(algorithm: Algorithm) -> None:
    @settings(max_examples=1_500, deadline=None)
    @given(attacks(algorithm, cost_max=3))
    def holds(attack: Attack) -> None:
        _, _, admitted = play(attack)
        bound = BOUNDS[algorithm](attack.hit)
        assert most_in_a_window(admitted, attack.hit.window_us) <= bound

    holds()


def test_the_worst_that_an_adversary_gets_out_of_each_algorithm() -> None:
    """He sends all he may just before an edge, and floods from there."""
    bursts = [(9_999, 100)] + [(1, 3)] * 12_000
    found = {}
    for algorithm in (Algorithm.STRICT, Algorithm.EXACT, Algorithm.APPROX, Algorithm.PACE):
        hit = Hit("key", 100, 10_000, algorithm=algorithm, burst=10)
        _, _, admitted = play(Attack(hit, 0, bursts))
        found[algorithm.word] = most_in_any(admitted, hit.window_us)
    assert found == {"strict": 100, "exact": 100, "approx": 199, "pace": 109}


def most_in_any(admitted: list[int], window_us: int) -> int:
    """As `most_in_a_window`, for long sorted lists."""
    first, most = 0, 0
    for last, end in enumerate(admitted):
        while admitted[first] <= end - window_us:
            first += 1
        most = max(most, last - first + 1)
    return most


WAITING = st.sampled_from(
    [Algorithm.STRICT, Algorithm.EXACT, Algorithm.APPROX, Algorithm.PACE]
).flatmap(lambda algorithm: attacks(algorithm, cost_max=4))


@given(WAITING, st.integers(0, 200))
def test_waiting_as_told_is_enough_and_a_microsecond_less_is_not(
    attack: Attack, later: int
) -> None:
    meter, now, _ = play(attack)
    now += later
    wait_us = meter.wait_us(attack.hit, now)
    assert meter.room(attack.hit, now + wait_us) >= attack.hit.cost
    assert wait_us == 0 or meter.room(attack.hit, now + wait_us - 1) < attack.hit.cost


@given(WAITING, st.integers(1, 30_000))
def test_a_clock_set_back_frees_nothing_within_the_window_and_refuses_nobody_beyond_it(
    attack: Attack, back_us: int
) -> None:
    hit = attack.hit
    meter, now, _ = play(attack._replace(start=10**7))
    earlier = meter.room(hit, now - back_us)
    if back_us <= hit.window_us:
        assert earlier <= meter.room(hit, now)
    if back_us > 2 * hit.window_us:
        full = hit.burst if hit.algorithm is Algorithm.PACE else hit.limit
        assert earlier == full


def test_a_quota_of_a_day_ends_at_its_midnight_and_not_before() -> None:
    quota = Hit("key:day-1", 2, 86_400, algorithm=Algorithm.CALENDAR, ends_us=MIDNIGHT)
    meter = meter_for(quota)
    meter.add(quota, MIDNIGHT - 500)
    assert meter.wait_us(quota, MIDNIGHT - 400) == 0
    meter.add(quota, MIDNIGHT - 300)
    assert meter.room(quota, MIDNIGHT - 1) == 0
    assert meter.wait_us(quota, MIDNIGHT - 200) == 200


def in_flight(token: bytes, *, cost: int = 1) -> Hit:
    return Hit("key", 2, 1_000, cost, algorithm=Algorithm.CONCURRENCY, token=token)


def test_a_place_in_flight_is_given_back_or_lapses() -> None:
    meter = meter_for(in_flight(b"a"))
    meter.add(in_flight(b"a"), 100)
    meter.add(in_flight(b"b"), 200)
    assert meter.room(in_flight(b"c"), 300) == 0
    assert meter.wait_us(in_flight(b"c"), 300) == 800, "a's lease ends at 1100"
    meter.add(in_flight(b"b", cost=0), 400)
    assert meter.room(in_flight(b"c"), 400) == 1
    assert meter.room(in_flight(b"c"), 1_100) == 2


def test_giving_back_twice_frees_one_place_only() -> None:
    meter = meter_for(in_flight(b"a"))
    meter.add(in_flight(b"a"), 100)
    meter.add(in_flight(b"b"), 100)
    for _ in range(2):
        meter.add(in_flight(b"a", cost=0), 200)
    assert meter.room(in_flight(b"c"), 200) == 1


def test_one_who_asks_again_keeps_its_place_and_takes_no_second_one() -> None:
    meter = meter_for(in_flight(b"a"))
    for at in (100, 900, 1_700):
        meter.add(in_flight(b"a"), at)
        assert meter.room(in_flight(b"b"), at) == 1
