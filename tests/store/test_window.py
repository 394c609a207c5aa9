from hypothesis import given
from hypothesis import strategies as st

from riskengine.store.counters import Hit
from riskengine.store.window import BUCKETS, Window

Schedule = list[tuple[int, int]]
"""Microseconds since the hit before, and how many hits come at once."""


def schedules(window_us: int) -> st.SearchStrategy[Schedule]:
    """Bursts at gaps that an adversary likes: bucket edges, window edges, and anything."""
    width = -(-window_us // BUCKETS)
    edges = [0, 1, width - 1, width, width + 1, window_us - 1, window_us, window_us + 1]
    gaps = st.sampled_from(edges) | st.integers(0, 3 * window_us)
    return st.lists(st.tuples(gaps, st.integers(1, 12)), min_size=1, max_size=40)


windows = st.sampled_from([10, 11, 97, 1_000, 12_345])


@st.composite
def adversaries(draw: st.DrawFn) -> tuple[int, int, int, Schedule]:
    """Start, window, limit and schedule."""
    window_us = draw(windows)
    return (
        draw(st.integers(0, 10**6)),
        window_us,
        draw(st.integers(1, 10)),
        draw(schedules(window_us)),
    )


def hit_of(limit: int, window_us: int, cost: int = 1) -> Hit:
    return Hit("key", limit, window_us, cost)


def play(start: int, window_us: int, limit: int, schedule: Schedule) -> list[int]:
    """Times of all admitted hits."""
    now = start
    admitted: list[int] = []
    window = Window(window_us)
    for gap, burst in schedule:
        now += gap
        for _ in range(burst):
            if window.used(now) < limit:
                window.add(hit_of(limit, window_us), now)
                admitted.append(now)
    return admitted


@given(adversaries())
def test_no_trailing_window_ever_holds_more_than_the_limit(
    adversary: tuple[int, int, int, Schedule],
) -> None:
    _, window_us, limit, _ = adversary
    admitted = play(*adversary)
    for first, later in zip(admitted, admitted[limit:], strict=False):
        assert later - first > window_us


@given(adversaries())
def test_a_hit_is_refused_only_where_a_tenth_more_than_the_window_is_full(
    adversary: tuple[int, int, int, Schedule],
) -> None:
    start, window_us, limit, schedule = adversary
    width = -(-window_us // BUCKETS)
    admitted = play(*adversary)
    now, seen = start, 0
    for gap, burst in schedule:
        now += gap
        taken = sum(at == now for at in admitted[seen : seen + burst])
        seen += taken
        if taken < burst:
            assert sum(at > now - (BUCKETS + 1) * width for at in admitted[:seen]) >= limit


@given(adversaries(), st.integers(1, 4))
def test_waiting_as_told_is_enough_and_a_microsecond_less_is_not(
    adversary: tuple[int, int, int, Schedule], cost: int
) -> None:
    start, window_us, limit, schedule = adversary
    cost = min(cost, limit)
    now, window = start, Window(window_us)
    for gap, burst in schedule:
        now += gap
        free = limit - window.used(now)
        if free:
            window.add(hit_of(limit, window_us, min(burst, free)), now)
    wait_us = window.wait_us(hit_of(limit, window_us, cost), now)
    assert window.used(now + wait_us) + cost <= limit
    assert wait_us == 0 or window.used(now + wait_us - 1) + cost > limit


def test_looking_changes_nothing() -> None:
    window = Window(1_000)
    window.add(hit_of(9, 1_000, 3), 5_000)
    assert window.used(5_000 + 10_000) == 0
    assert window.used(5_000) == 3
    assert window.used(4_500) == 3, "a clock that went back a little frees nothing"
    assert window.used(3_000) == 0, "a clock that was set anew starts afresh"
