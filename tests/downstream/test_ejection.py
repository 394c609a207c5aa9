"""Endpoints that keep failing are left alone for a while, but never too many of them."""

from hypothesis import given
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.downstream.ejection import Ejection
from riskengine.downstream.endpoint import Endpoint
from tests.downstream.results import failure, ignored, success


def endpoints(count: int) -> list[Endpoint]:
    return [Endpoint(f"10.0.0.{number}:80") for number in range(1, count + 1)]


def fail(ejection: Ejection, endpoint: Endpoint, times: int = 5) -> None:
    for _ in range(times):
        ejection.finished(failure(endpoint))


def test_the_fifth_failure_in_a_row_ejects_for_thirty_seconds() -> None:
    clock = ManualClock()
    one, other = endpoints(2)
    ejection = Ejection(clock, lambda: 2)
    fail(ejection, one, 4)
    assert ejection.available(one)
    fail(ejection, one, 1)
    assert not ejection.available(one)
    assert ejection.available(other)
    clock.advance(29.99)
    assert not ejection.available(one)
    clock.advance(0.01)
    assert ejection.available(one)


def test_a_success_ends_the_row_and_an_ignored_call_does_not() -> None:
    one, _ = endpoints(2)
    ejection = Ejection(ManualClock(), lambda: 2)
    fail(ejection, one, 4)
    ejection.finished(success(one))
    fail(ejection, one, 4)
    ejection.finished(ignored(one))
    assert ejection.available(one)
    fail(ejection, one, 1)
    assert not ejection.available(one)


def test_each_ejection_lasts_thirty_seconds_longer_up_to_five_minutes() -> None:
    clock = ManualClock()
    one, _ = endpoints(2)
    ejection = Ejection(clock, lambda: 2)
    lasted = []
    for _ in range(12):
        fail(ejection, one)
        began = clock.monotonic()
        while not ejection.available(one):
            clock.advance(1)
        lasted.append(clock.monotonic() - began)
    assert lasted == [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]


def test_time_in_service_makes_the_next_ejection_shorter() -> None:
    clock = ManualClock()
    one, _ = endpoints(2)
    ejection = Ejection(clock, lambda: 2)
    for _ in range(3):
        fail(ejection, one)
        clock.advance(30 * 3)
    clock.advance(600)
    fail(ejection, one)
    clock.advance(30)
    assert ejection.available(one)


def test_at_most_a_tenth_is_out_but_one_may_always_be() -> None:
    for count, most in [(1, 0), (2, 1), (9, 1), (19, 1), (20, 2), (35, 3)]:
        there = endpoints(count)
        ejection = Ejection(ManualClock(), lambda there=there: len(there))  # type: ignore[misc]
        for endpoint in there:
            fail(ejection, endpoint)
        assert len(ejection.ejected()) == most, count
        assert ejection.spared == count - most


def test_late_answers_do_not_make_an_ejection_longer() -> None:
    clock = ManualClock()
    one, _ = endpoints(2)
    ejection = Ejection(clock, lambda: 2)
    fail(ejection, one, 50)
    clock.advance(30)
    assert ejection.available(one)
    assert ejection.ejections == 1
    fail(ejection, one, 4)
    assert ejection.available(one)


def test_an_endpoint_that_left_is_forgotten() -> None:
    one, _ = endpoints(2)
    ejection = Ejection(ManualClock(), lambda: 2)
    fail(ejection, one)
    assert repr(ejection) == "<Ejection 1 so far, out now: 10.0.0.1:80>"
    ejection.forget(one)
    assert ejection.available(one)


@given(st.lists(st.tuples(st.integers(0, 29), st.booleans(), st.floats(0, 5)), max_size=400))
def test_never_more_than_a_tenth_of_thirty_are_out(
    steps: list[tuple[int, bool, float]],
) -> None:
    clock = ManualClock()
    there = endpoints(30)
    ejection = Ejection(clock, lambda: 30)
    for place, good, wait_s in steps:
        clock.advance(wait_s)
        for _ in range(1 if good else 5):
            ejection.finished(success(there[place]) if good else failure(there[place]))
        assert len(ejection.ejected()) <= 3
        assert sum(not ejection.available(endpoint) for endpoint in there) <= 3
