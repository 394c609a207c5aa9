"""What a limit does to one client: exact sliding windows, checked against the plain definition."""

from hypothesis import given
from hypothesis import strategies as st

from riskengine.analyst.peak_rates import peak, refused

TIMES = st.lists(st.integers(0, 60), max_size=40).map(sorted)
WINDOWS = st.integers(1, 20)


def in_window(times: list[int], at: int, window: int) -> int:
    return sum(at - window < t <= at for t in times)


@given(TIMES, WINDOWS)
def test_peak_is_the_most_in_any_trailing_window(times: list[int], window: int) -> None:
    assert peak(times, window) == max((in_window(times, t, window) for t in times), default=0)


@given(TIMES, WINDOWS, st.integers(1, 10))
def test_a_limit_admits_as_long_as_the_trailing_window_has_room(
    times: list[int], window: int, limit: int
) -> None:
    admitted: list[int] = []
    for at in times:
        if in_window(admitted, at, window) < limit:
            admitted.append(at)
    assert refused(times, window, limit) == len(times) - len(admitted)


@given(TIMES, WINDOWS)
def test_a_limit_refuses_something_exactly_where_it_lies_below_the_peak(
    times: list[int], window: int
) -> None:
    for limit in range(1, 12):
        assert (refused(times, window, limit) > 0) == (peak(times, window) > limit)
