import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.errors import StoreError
from riskengine.store.counters import Hit
from riskengine.store.leased import LeasedCounters
from tests.store.counting import CountingCounters

WINDOW_S = 10.0
COUNTED_US = 11_000_000  # a tenth longer, as rules with a lease count


def sale(limit: int = 100, lease: int = 20) -> Hit:
    return Hit("sale", limit, COUNTED_US, lease=lease)


async def admitted(counters: LeasedCounters, hit: Hit, times: int = 1) -> int:
    tallies = await counters.hit([[hit]] * times, budget_s=1)
    return sum(tally.admitted for [tally] in tallies)


async def test_a_busy_process_asks_far_less_often_than_it_admits() -> None:
    clock = ManualClock()
    store = CountingCounters(clock)
    counters = LeasedCounters(store, clock)
    for _ in range(400):
        assert await admitted(counters, sale(limit=1_000, lease=50)) == 1
    assert store.calls < 30


async def test_the_last_hit_is_found_and_no_more() -> None:
    clock = ManualClock()
    counters = [LeasedCounters(CountingCounters(clock), clock)]
    total = 0
    for _ in range(30):
        total += await admitted(counters[0], sale(limit=100, lease=16), times=5)
    assert total == 100


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.01, 0.5, 0.99, 1.0, 1.01, 5.0, 9.99, 10.0]),
            st.integers(0, 3),
            st.integers(1, 12),
        ),
        max_size=80,
    ),
    st.integers(1, 40),
    st.integers(1, 30),
)
async def test_processes_with_leases_never_admit_more_than_the_limit_in_any_window(
    schedule: list[tuple[float, int, int]], limit: int, lease: int
) -> None:
    clock = ManualClock()
    store = CountingCounters(clock)
    processes = [LeasedCounters(store, clock) for _ in range(4)]
    times: list[float] = []
    for gap_s, process, burst in schedule:
        clock.advance(gap_s)
        found = await admitted(processes[process], sale(limit, lease), burst)
        times += [clock.now()] * found
    for first, later in zip(times, times[limit:], strict=False):
        assert later - first > WINDOW_S - 1e-6


async def test_what_is_lost_to_leases_stays_within_what_is_stated() -> None:
    """Four processes at twice the limit for ten windows get nearly all of it."""
    clock, randomness = ManualClock(), random.Random(7)
    store = CountingCounters(clock)
    processes = [LeasedCounters(store, clock) for _ in range(4)]
    limit, total = 400, 0
    for _ in range(int(10 * WINDOW_S * 80)):
        clock.advance(1 / 80)
        total += await admitted(randomness.choice(processes), sale(limit, 20))
    assert 0.8 * limit < total / 10 <= limit


async def test_a_request_that_another_limit_refuses_gives_its_hit_back() -> None:
    clock = ManualClock()
    counters = LeasedCounters(CountingCounters(clock), clock)
    narrow = Hit("narrow", 1, 60_000_000)
    requests = [[sale(limit=10, lease=5), narrow]] * 6
    tallies = await counters.hit(requests, budget_s=1)
    assert [all(t.admitted for t in own) for own in tallies] == [True] + [False] * 5
    assert await admitted(counters, sale(limit=10, lease=5), 20) == 9


async def test_a_store_that_goes_away_costs_no_hit_that_was_reserved() -> None:
    clock = ManualClock()
    store = CountingCounters(clock)
    counters = LeasedCounters(store, clock)
    for _ in range(4):
        await counters.hit([[sale(), Hit("other", 99, 60_000_000)]], budget_s=1)
    stock = counters._stocks["sale"]
    left = stock.left
    assert left > 0
    store.away = True
    with pytest.raises(StoreError):
        await counters.hit([[sale(), Hit("other", 99, 60_000_000)]], budget_s=1)
    assert stock.left == left
    assert await admitted(counters, sale()) == 1, "a stock needs no store"


async def test_requests_without_a_lease_are_passed_on_as_they_are() -> None:
    clock = ManualClock()
    store = CountingCounters(clock)
    counters = LeasedCounters(store, clock)
    await counters.hit([[Hit("a", 1, 60_000_000)]], budget_s=1)
    await counters.hit([], budget_s=1)
    assert store.calls == 2
