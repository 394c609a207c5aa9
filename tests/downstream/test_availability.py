"""Uptime is measured per endpoint and per service, and held against what was planned."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.downstream.availability import Availability, Sla, Uptime, expected_availability
from riskengine.downstream.changes import tell_all
from riskengine.downstream.ejection import Ejection
from riskengine.downstream.endpoint import Endpoint
from tests.downstream.results import failure

A, B = Endpoint("10.0.0.1:80"), Endpoint("10.0.0.2:80")


def test_uptime_gives_mtbf_mttr_and_availability() -> None:
    clock = ManualClock()
    book = Availability(clock, [A, B])
    told = book.listener("health")
    for _ in range(4):
        clock.advance(240)
        told(A, False)
        clock.advance(10)
        told(A, True)
    uptime = book.of(A)
    assert uptime == Uptime(up_s=960, down_s=40, failures=4, repairs=4)
    assert (uptime.mtbf_s, uptime.mttr_s, uptime.availability) == (240, 10, 0.96)
    assert book.of(B) == Uptime(up_s=1_000, down_s=0, failures=0, repairs=0)
    assert (book.of(B).mtbf_s, book.of(B).mttr_s) == (None, None)
    assert book.service().availability == 1.0


def test_a_service_is_down_only_while_all_of_it_is() -> None:
    clock = ManualClock()
    book = Availability(clock, [A, B])
    told = book.listener("health")
    told(A, False)
    clock.advance(5)
    told(B, False)
    clock.advance(3)
    told(A, True)
    clock.advance(2)
    assert book.service() == Uptime(up_s=7, down_s=3, failures=1, repairs=1)


def test_an_endpoint_is_down_while_any_cause_says_so() -> None:
    clock = ManualClock()
    book = Availability(clock, [A, B])
    health, ejection = book.listener("health"), book.listener("ejection")
    health(A, False)
    clock.advance(5)
    ejection(A, False)
    clock.advance(5)
    health(A, True)
    clock.advance(5)
    ejection(A, True)
    clock.advance(5)
    assert book.of(A) == Uptime(up_s=5, down_s=15, failures=1, repairs=1)


def test_ejection_tells_when_an_endpoint_goes_and_when_it_is_back() -> None:
    clock = ManualClock()
    book = Availability(clock, [A, B])
    returned = []
    ejection = Ejection(
        clock,
        lambda: 2,
        on_change=tell_all(
            book.listener("ejection"), lambda endpoint, up: returned.append((endpoint, up))
        ),
    )
    for _ in range(5):
        ejection.finished(failure(A))
    clock.advance(30)
    assert ejection.available(A)
    assert ejection.available(A)
    assert returned == [(A, False), (A, True)]
    assert book.of(A) == Uptime(up_s=0, down_s=30, failures=1, repairs=1)


def test_those_that_left_are_forgotten() -> None:
    book = Availability(ManualClock(), [A, B])
    told = book.listener("health")
    book.update([B])
    told(A, False)
    with pytest.raises(KeyError):
        book.of(A)
    assert book.service().failures == 0


def test_uptime_is_held_against_the_plan() -> None:
    sla = Sla(availability=0.99, period_s=1_000)
    assert sla.down_allowed_s == pytest.approx(10)
    assert Uptime(990, 10, 1, 1).meets(sla)
    assert not Uptime(989, 11, 1, 1).meets(sla)
    assert Uptime(990, 4, 1, 1).budget_left(sla) == pytest.approx(0.6)
    assert Uptime(990, 20, 1, 1).budget_left(sla) == pytest.approx(-1.0)
    assert Uptime(0, 0, 0, 0).meets(sla)
    assert Uptime(1, 1, 1, 1).budget_left(Sla(availability=1.0)) == -math.inf


@pytest.mark.parametrize(
    ("shares", "needed", "expected"),
    [
        ([0.9], 1, 0.9),
        ([0.9, 0.9], 1, 0.99),
        ([0.9, 0.9], 2, 0.81),
        ([0.9, 0.9, 0.9], 2, 0.972),
        ([0.9, 0.8], 0, 1.0),
        ([], 1, 0.0),
    ],
)
def test_endpoints_beside_each_other_make_a_service_more_available(
    shares: list[float], needed: int, expected: float
) -> None:
    assert expected_availability(shares, needed=needed) == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from([A, B]), st.booleans(), st.floats(0, 100))))
def test_time_is_either_up_or_down_and_none_is_lost(
    steps: list[tuple[Endpoint, bool, float]],
) -> None:
    clock = ManualClock(0.0)
    book = Availability(clock, [A, B])
    told = book.listener("health")
    for endpoint, up, wait_s in steps:
        told(endpoint, up)
        clock.advance(wait_s)
    for uptime in (book.of(A), book.of(B), book.service()):
        assert uptime.up_s + uptime.down_s == pytest.approx(clock.monotonic())
        assert uptime.failures - uptime.repairs in (0, 1)
    assert book.service().down_s <= min(book.of(A).down_s, book.of(B).down_s) + 1e-9
