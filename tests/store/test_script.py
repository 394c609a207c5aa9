import uuid
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskengine.clock import SystemClock
from riskengine.store.counters import Algorithm, Hit, Tally
from riskengine.store.memory import MemoryCounters
from riskengine.store.redis import RedisCounters
from riskengine.store.script import TEXT, write_call

START = 1_700_000_000_123_456
SPECS = [  # limit, window, cost, observed: a key belongs to one window
    Hit("a", 3, 1_000_000),
    Hit("b", 5, 1_000_000, 2),
    Hit("c", 2, 77_777, 1, True),
    Hit("d", 1, 3_000_000),
    Hit("e", 2, 1_000_000, 3),
    Hit("f", 3, 1_000_000, count_denied=True),
    Hit("g", 4, 1_000_000, algorithm=Algorithm.EXACT),
    Hit("h", 3, 777_777, 2, algorithm=Algorithm.EXACT, count_denied=True),
    Hit("i", 4, 1_000_000, algorithm=Algorithm.APPROX),
    Hit("j", 5, 333_333, 2, algorithm=Algorithm.APPROX, count_denied=True),
    Hit("k", 7, 1_000_000, algorithm=Algorithm.PACE, burst=3),
    Hit("l", 3, 1_000_001, 2, algorithm=Algorithm.PACE, burst=2, count_denied=True),
    Hit("m", 6, 86_400_000_000, algorithm=Algorithm.CALENDAR, ends_us=START + 3_000_000),
    Hit("n", 2, 1_500_000, algorithm=Algorithm.CONCURRENCY, token=b"request1"),
    Hit("n", 2, 1_500_000, algorithm=Algorithm.CONCURRENCY, token=b"request2"),
    Hit("n", 2, 1_500_000, algorithm=Algorithm.CONCURRENCY, token=b"request3"),
    Hit("n", 2, 1_500_000, 0, algorithm=Algorithm.CONCURRENCY, token=b"request1"),
    Hit("o", 2, 1_000_000, 1, True, algorithm=Algorithm.EXACT),
    Hit("p", 2, 1_000_000, 1, True, algorithm=Algorithm.PACE),
]


class Step(NamedTuple):
    gap_us: int
    hits: list[Hit]


# A negative gap is a clock that was set back, by less or more than a window.
gaps = st.sampled_from([0, 1, 99_999, 100_000, 1_000_000, -50_000, -5_000_000])
steps = st.lists(
    st.builds(
        Step,
        gaps | st.integers(0, 4_000_000),
        st.lists(st.sampled_from(SPECS), max_size=6),
    ),
    min_size=1,
    max_size=40,
)
cuts = st.lists(st.integers(1, 5), min_size=1, max_size=10)


def timed(steps: list[Step], unique: str) -> tuple[list[list[Hit]], list[int]]:
    now, requests, times = START, [], []
    for step in steps:
        now += step.gap_us
        requests.append([hit._replace(key=unique + hit.key) for hit in step.hits])
        times.append(now)
    return requests, times


async def play(
    counters: MemoryCounters | RedisCounters, steps: list[Step], sizes: list[int]
) -> list[list[Tally]]:
    """The steps, cut into batches of `sizes`, over and over."""
    requests, times = timed(steps, uuid.uuid4().hex)
    tallies: list[list[Tally]] = []
    turn = 0
    while len(tallies) < len(requests):
        start, size = len(tallies), sizes[turn % len(sizes)]
        batch = slice(start, start + size)
        tallies += await counters.hit(requests[batch], at_us=times[batch], budget_s=5)
        turn += 1
    return tallies


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, sizes=cuts)
async def test_memory_and_store_agree_hit_by_hit_however_batches_are_cut(
    valkey_url: str, steps: list[Step], sizes: list[int]
) -> None:
    await agree(valkey_url, steps, sizes)


@pytest.mark.slow
@settings(
    deadline=None, max_examples=3_000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps, sizes=cuts)
async def test_memory_and_valkey_agree_over_thousands_of_schedules(
    valkey_url: str, steps: list[Step], sizes: list[int]
) -> None:
    await agree(valkey_url, steps, sizes)


@pytest.mark.slow
@pytest.mark.system
@settings(
    deadline=None, max_examples=1_500, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps, sizes=cuts)
async def test_memory_and_redis_agree_over_thousands_of_schedules(
    redis_url: str, steps: list[Step], sizes: list[int]
) -> None:
    await agree(redis_url, steps, sizes)


async def agree(url: str, steps: list[Step], sizes: list[int]) -> None:
    """Whatever the store counted shows in the tallies: hits left, and the wait to a microsecond."""
    store = RedisCounters(url, timeout_s=5)
    in_memory = await play(MemoryCounters(SystemClock()), steps, [1])
    assert await play(store, steps, sizes) == in_memory
    await store.close()


def test_the_script_says_first_that_its_keys_are_declared() -> None:
    assert TEXT.startswith(b"#!lua\n")


def test_a_call_names_each_key_and_each_kind_of_limit_once() -> None:
    one, two = Hit("one", 5, 1_000_000), Hit("two", 5, 1_000_000)
    call = write_call([[one, two], [one], []], None)
    assert call.keys == ["one", "two"]
    assert len(call.specs) == 8 * 8
    assert len(call.requests) == 4 * (3 + 2 * 3)
    assert call.times == b""
