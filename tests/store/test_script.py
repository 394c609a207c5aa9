import uuid
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskengine.clock import SystemClock
from riskengine.store.counters import Hit, Tally
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
        st.lists(st.sampled_from(SPECS), max_size=4),
    ),
    min_size=1,
    max_size=30,
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
    store = RedisCounters(valkey_url, timeout_s=5)
    in_memory = await play(MemoryCounters(SystemClock()), steps, [1])
    assert await play(store, steps, sizes) == in_memory
    await store.close()


def test_the_script_says_first_that_its_keys_are_declared() -> None:
    assert TEXT.startswith(b"#!lua\n")


def test_a_call_names_each_key_and_each_kind_of_limit_once() -> None:
    one, two = Hit("one", 5, 1_000_000), Hit("two", 5, 1_000_000)
    call = write_call([[one, two], [one], []], None)
    assert call.keys == ["one", "two"]
    assert len(call.specs) == 4 * 8
    assert len(call.requests) == 4 * (3 + 2 * 3)
    assert call.times == b""
