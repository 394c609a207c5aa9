from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.store.counters import Algorithm, Hit
from riskengine.store.denials import ASKED_AGAIN_S, DenialCache
from tests.store.counting import CountingCounters

MINUTE = 60_000_000
LOGIN = Hit("login", limit=2, window_us=MINUTE)


class Bench(NamedTuple):
    clock: ManualClock
    inner: CountingCounters
    cache: DenialCache


@pytest.fixture
def bench() -> Bench:
    clock = ManualClock()
    inner = CountingCounters(clock)
    return Bench(clock, inner, DenialCache(inner, clock))


async def ask(bench: Bench, *hits: Hit) -> tuple[bool, int]:
    """Whether the request was admitted, and how many round trips it took."""
    before = bench.inner.calls
    [tallies] = await bench.cache.hit([hits], budget_s=1)
    admitted = all(t.admitted or h.observed for t, h in zip(tallies, hits, strict=True))
    return admitted, bench.inner.calls - before


async def test_a_client_over_its_limit_costs_no_round_trip(bench: Bench) -> None:
    assert [await ask(bench, LOGIN) for _ in range(5)] == [
        (True, 1),
        (True, 1),
        (False, 1),
        (False, 0),
        (False, 0),
    ]
    assert bench.cache.spared == 2


async def test_the_answer_says_how_long_it_is_from_now(bench: Bench) -> None:
    for _ in range(3):
        await ask(bench, LOGIN)
    [[first]] = await bench.cache.hit([[LOGIN]], budget_s=1)
    bench.clock.advance(4)
    [[later]] = await bench.cache.hit([[LOGIN]], budget_s=1)
    assert first.retry_after_s - later.retry_after_s == pytest.approx(4)


async def test_nobody_is_refused_a_moment_longer_than_by_the_store(bench: Bench) -> None:
    quick = LOGIN._replace(window_us=1_000_000, algorithm=Algorithm.EXACT)
    for _ in range(3):
        await ask(bench, quick)
    bench.clock.advance(0.999)
    assert await ask(bench, quick) == (False, 0)
    bench.clock.advance(0.001_001)
    assert await ask(bench, quick) == (True, 1)


async def test_a_limit_that_was_reset_is_noticed_within_ten_seconds(bench: Bench) -> None:
    for _ in range(3):
        await ask(bench, LOGIN)
    bench.clock.advance(ASKED_AGAIN_S - 0.1)
    assert await ask(bench, LOGIN) == (False, 0)
    bench.clock.advance(0.2)
    assert await ask(bench, LOGIN) == (False, 1)


async def test_a_raised_limit_is_asked_for_at_once(bench: Bench) -> None:
    for _ in range(3):
        await ask(bench, LOGIN)
    assert await ask(bench, LOGIN._replace(limit=3)) == (True, 1)


@pytest.mark.parametrize(
    "hit",
    [
        LOGIN._replace(count_denied=True),
        LOGIN._replace(algorithm=Algorithm.CONCURRENCY, token=b"another1"),
        LOGIN._replace(observed=True),
    ],
)
async def test_what_must_be_counted_is_asked_for_every_time(bench: Bench, hit: Hit) -> None:
    for number in range(6):
        token = number.to_bytes(8) if hit.token else b""
        assert (await ask(bench, hit._replace(token=token)))[1] == 1


async def test_of_a_batch_only_the_unknown_requests_are_asked(bench: Bench) -> None:
    for _ in range(3):
        await ask(bench, LOGIN)
    other = LOGIN._replace(key="other")
    tallies = await bench.cache.hit([[LOGIN], [other], [LOGIN], []], budget_s=1)
    assert [[t.admitted for t in own] for own in tallies] == [[False], [True], [False], []]


async def test_the_probe_of_the_breaker_reaches_the_store(bench: Bench) -> None:
    assert await bench.cache.hit([], budget_s=1) == []
    assert bench.inner.calls == 1


async def test_memory_stays_bounded() -> None:
    clock = ManualClock()
    cache = DenialCache(CountingCounters(clock), clock, entries_max=10)
    full = [Hit(f"stranger {n}", 1, MINUTE, 2) for n in range(50)]
    await cache.hit([[hit] for hit in full], budget_s=1)
    assert len(cache._refusals) == 10


HITS = [
    Hit("a", 2, 1_000_000),
    Hit("b", 3, 2_000_000, algorithm=Algorithm.EXACT),
    Hit("c", 2, 700_000, algorithm=Algorithm.APPROX),
    Hit("d", 4, 1_000_000, algorithm=Algorithm.PACE, burst=2),
    Hit("e", 1, 1_000_000, observed=True),
]
steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.001, 0.1, 0.7, 2.0]) | st.floats(0, 3),
        st.lists(st.sampled_from(HITS), min_size=1, max_size=4, unique_by=lambda hit: hit.key),
    ),
    max_size=60,
)


@given(steps)
async def test_verdicts_are_those_of_the_store_alone(
    schedule: Sequence[tuple[float, list[Hit]]],
) -> None:
    clock = ManualClock()
    alone, cached = CountingCounters(clock), DenialCache(CountingCounters(clock), clock)
    for gap_s, hits in schedule:
        clock.advance(gap_s)
        [expected] = await alone.hit([hits], budget_s=1)
        [found] = await cached.hit([hits], budget_s=1)
        stopped = [
            any(not t.admitted and not h.observed for t, h in zip(own, hits, strict=True))
            for own in (expected, found)
        ]
        assert stopped[0] == stopped[1]
