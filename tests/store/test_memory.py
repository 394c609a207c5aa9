from riskengine.clock import ManualClock
from riskengine.store.counters import Hit
from riskengine.store.memory import MemoryCounters


async def test_the_clock_it_was_given_counts_where_no_times_are() -> None:
    clock = ManualClock()
    counters = MemoryCounters(clock)
    login = Hit("login", limit=1, window_us=10_000_000)
    first = await counters.hit([[login], [login]], budget_s=1)
    clock.advance(11)
    second = await counters.hit([[login]], budget_s=1)
    assert [t.admitted for [t] in first + second] == [True, False, True]


async def test_a_million_strangers_take_no_more_memory_than_allowed() -> None:
    counters = MemoryCounters(ManualClock(), keys_max=100)
    for start in range(0, 10_000, 500):
        strangers = [[Hit(f"stranger {n}", 5, 60_000_000)] for n in range(start, start + 500)]
        await counters.hit(strangers, budget_s=1)
        assert len(counters) <= 100


async def test_the_key_touched_last_outlives_the_others() -> None:
    counters = MemoryCounters(ManualClock(), keys_max=3)
    regular = Hit("regular", limit=1, window_us=60_000_000)
    await counters.hit([[regular]], budget_s=1)
    for n in range(20):
        await counters.hit([[Hit(f"stranger {n}", 5, 60_000_000)]], budget_s=1)
        [[tally]] = await counters.hit([[regular]], budget_s=1)
        assert not tally.admitted


async def test_refused_requests_take_no_memory() -> None:
    counters = MemoryCounters(ManualClock())
    full = Hit("full", limit=1, window_us=60_000_000)
    await counters.hit([[full]], budget_s=1)
    for n in range(20):
        await counters.hit([[full, Hit(f"stranger {n}", 5, 60_000_000)]], budget_s=1)
    assert len(counters) == 1
