"""The breaker opens above its rate, comes back by probes, and never listens to late answers."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.downstream.breaker import Breaker, BreakerPermit, BreakerRules, State
from riskengine.downstream.call import CallResult
from riskengine.downstream.errors import RejectedError
from tests.downstream.results import HERE, failure, ignored, success


def breaker(clock: ManualClock, **rules: object) -> Breaker:
    return Breaker(clock, random.Random(1), BreakerRules(**rules))  # type: ignore[arg-type]


def run(guard: Breaker, *results: CallResult) -> None:
    for result in results:
        guard.enter(HERE).finished(result)


def state(guard: Breaker) -> State:
    """A fresh reading: the checker of types believes that an attribute stays what it was."""
    return guard.state


def opened(clock: ManualClock) -> Breaker:
    guard = breaker(clock)
    run(guard, *[failure()] * 20)
    assert state(guard) is State.OPEN
    return guard


def half_open(clock: ManualClock) -> Breaker:
    guard = opened(clock)
    clock.advance(guard.retry_after_s)
    assert state(guard) is State.HALF_OPEN
    return guard


def spread(guard: Breaker, clock: ManualClock, *, bad_in_1000: int, calls: int) -> None:
    """100 calls a second with failures spaced evenly; ends when the breaker opens."""
    for number in range(calls):
        clock.advance(0.01)
        fails = (number + 1) * bad_in_1000 // 1000 > number * bad_in_1000 // 1000
        run(guard, failure() if fails else success())
        if state(guard) is State.OPEN:
            return


def test_nineteen_failures_do_not_open_it_and_the_twentieth_does() -> None:
    guard = breaker(ManualClock())
    run(guard, *[failure()] * 19)
    assert state(guard) is State.CLOSED
    run(guard, failure())
    assert state(guard) is State.OPEN


def test_four_failures_in_twenty_calls_are_too_few() -> None:
    guard = breaker(ManualClock())
    run(guard, *[success()] * 16, *[failure()] * 4)
    assert state(guard) is State.CLOSED
    run(guard, failure())
    assert state(guard) is State.OPEN


@pytest.mark.parametrize("bad_in_1000", [10, 40, 49, 50])
def test_failures_at_or_below_five_percent_never_open_it(bad_in_1000: int) -> None:
    clock = ManualClock()
    guard = breaker(clock)
    spread(guard, clock, bad_in_1000=bad_in_1000, calls=20_000)
    assert state(guard) is State.CLOSED


@pytest.mark.parametrize("bad_in_1000", [51, 52, 60, 100])
def test_failures_above_five_percent_open_it_within_the_window_and_a_second(
    bad_in_1000: int,
) -> None:
    clock = ManualClock()
    guard = breaker(clock)
    spread(guard, clock, bad_in_1000=0, calls=2_000)
    began = clock.monotonic()
    spread(guard, clock, bad_in_1000=bad_in_1000, calls=5_000)
    assert state(guard) is State.OPEN
    assert clock.monotonic() - began <= 11.0


def test_half_of_the_calls_slow_opens_it_and_less_does_not() -> None:
    slow = success(latency_s=0.501)
    guard = breaker(ManualClock())
    run(guard, *[success(latency_s=0.5)] * 11, *[slow] * 10)
    assert state(guard) is State.CLOSED
    run(guard, slow)
    assert state(guard) is State.OPEN


def test_what_is_ignored_counts_neither_as_call_nor_as_failure() -> None:
    guard = breaker(ManualClock())
    run(guard, *[ignored()] * 1_000, *[failure()] * 19)
    assert state(guard) is State.CLOSED
    assert guard.tally.calls == 19


def test_calls_that_left_the_window_are_forgotten() -> None:
    clock = ManualClock()
    guard = breaker(clock)
    run(guard, *[failure()] * 19)
    clock.advance(11.0)
    run(guard, failure())
    assert state(guard) is State.CLOSED
    assert guard.tally.calls == 1


def test_open_refuses_and_says_when_to_come_back() -> None:
    clock = ManualClock()
    guard = opened(clock)
    with pytest.raises(RejectedError, match="the breaker of service is open") as refusal:
        guard.enter(HERE)
    assert refusal.value.retry_after_s is not None
    assert 5.0 <= refusal.value.retry_after_s <= 6.0
    assert not guard.admits()


def test_half_open_lets_exactly_five_through() -> None:
    guard = half_open(ManualClock())
    for _ in range(5):
        assert guard.admits()
        guard.enter(HERE)
    assert not guard.admits()
    with pytest.raises(RejectedError):
        guard.enter(HERE)


def test_a_probe_that_says_nothing_gives_its_place_to_another() -> None:
    guard = half_open(ManualClock())
    permits = [guard.enter(HERE) for _ in range(5)]
    permits[0].finished(ignored())
    guard.enter(HERE)
    with pytest.raises(RejectedError):
        guard.enter(HERE)


def test_five_good_probes_close_it_with_an_empty_window() -> None:
    guard = half_open(ManualClock())
    run(guard, *[success()] * 5)
    assert state(guard) is State.CLOSED
    assert guard.tally.calls == 0


@pytest.mark.parametrize(
    "bad", [[failure()], [success(latency_s=1)] * 3], ids=["one failed", "three were slow"]
)
def test_bad_probes_open_it_again(bad: list[CallResult]) -> None:
    guard = half_open(ManualClock())
    run(guard, *bad, *[success()] * (5 - len(bad)))
    assert state(guard) is State.OPEN


def test_the_time_it_stays_open_doubles_up_to_a_minute_and_starts_afresh_once_closed() -> None:
    clock = ManualClock()
    guard = opened(clock)
    waits = [guard.retry_after_s]
    for _ in range(5):
        clock.advance(guard.retry_after_s)
        run(guard, *[failure()] * 5)
        waits.append(guard.retry_after_s)
    for wait_s, least_s in zip(waits, [5, 10, 20, 40, 50, 50], strict=True):
        assert least_s <= wait_s <= min(60, least_s * 1.2)
    assert len(set(waits)) == len(waits), "jitter makes them differ"
    clock.advance(guard.retry_after_s)
    run(guard, *[success()] * 5, *[failure()] * 20)
    assert 5.0 <= guard.retry_after_s <= 6.0


def test_answers_of_calls_from_before_do_not_count() -> None:
    clock = ManualClock()
    guard = breaker(clock)
    late = [guard.enter(HERE) for _ in range(40)]
    run(guard, *[failure()] * 20)
    clock.advance(guard.retry_after_s)
    assert state(guard) is State.HALF_OPEN
    for permit in late[:20]:
        permit.finished(success())
    assert state(guard) is State.HALF_OPEN, "late answers are no probes"
    run(guard, *[success()] * 5)
    for permit in late[20:]:
        permit.finished(failure())
    assert state(guard) is State.CLOSED


def test_probes_that_never_answer_do_not_hold_it_half_open_for_ever() -> None:
    clock = ManualClock()
    guard = half_open(clock)
    lost = [guard.enter(HERE) for _ in range(5)]
    clock.advance(60.0)
    assert state(guard) is State.OPEN
    clock.advance(guard.retry_after_s)
    lost[0].finished(success())
    assert guard.tally.calls == 0
    run(guard, *[success()] * 5)
    assert state(guard) is State.CLOSED


def test_a_permit_counts_once_however_often_it_is_settled() -> None:
    guard = breaker(ManualClock())
    permit = guard.enter(HERE)
    for _ in range(100):
        permit.finished(failure())
    assert guard.tally.failures == 1


def test_forced_open_refuses_until_released() -> None:
    clock = ManualClock()
    guard = breaker(clock, observe=True)
    guard.force(State.FORCED_OPEN)
    clock.advance(3_600)
    assert not guard.admits()
    with pytest.raises(RejectedError) as refusal:
        guard.enter(HERE)
    assert refusal.value.retry_after_s is None
    guard.release()
    run(guard, success())
    assert state(guard) is State.CLOSED


def test_forced_closed_lets_everything_through_until_released() -> None:
    guard = breaker(ManualClock())
    guard.force(State.FORCED_CLOSED)
    run(guard, *[failure()] * 1_000)
    assert state(guard) is State.FORCED_CLOSED
    guard.release()
    run(guard, *[failure()] * 20)
    assert state(guard) is State.OPEN


def test_only_the_two_forced_states_can_be_forced() -> None:
    with pytest.raises(ValueError, match="forced_open or forced_closed, got open"):
        breaker(ManualClock()).force(State.OPEN)


def test_observing_it_counts_what_it_would_have_refused_and_refuses_nothing() -> None:
    guard = breaker(ManualClock(), observe=True)
    run(guard, *[failure()] * 30)
    assert state(guard) is State.OPEN
    assert guard.refused == 10
    assert guard.admits()


def test_its_repr_shows_the_state() -> None:
    guard = breaker(ManualClock())
    run(guard, success(), failure(latency_s=1))
    assert repr(guard) == "<Breaker service closed: 2 calls, 1 failures, 1 slow>"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.just(0.0)),
        st.tuples(st.sampled_from(["good", "bad", "slow", "nothing"]), st.floats(0, 1)),
        st.tuples(st.just("wait"), st.floats(0, 20)),
    ),
    max_size=200,
)
ENDS = {
    "good": success(),
    "bad": failure(),
    "slow": success(latency_s=2),
    "nothing": ignored(),
}


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(0, 2**32))
def test_whatever_happens_no_more_than_five_probes_are_out_and_open_lasts_its_time(
    steps: list[tuple[str, float]], seed: int
) -> None:
    clock = ManualClock()
    guard = Breaker(clock, random.Random(seed), BreakerRules(calls_min=3, failures_min=1))
    out: list[tuple[BreakerPermit, State, float]] = []
    opened_at: float | None = None
    for what, number in steps:
        if what == "wait":
            clock.advance(number)
        elif what == "enter":
            _enter(guard, clock, out, opened_at)
        elif out:
            permit, _, _ = out.pop(int(number * (len(out) - 1)))
            permit.finished(ENDS[what])
        opened_at = (opened_at or clock.monotonic()) if state(guard) is State.OPEN else None
        assert 0.0 <= guard.retry_after_s <= 60.0
        assert guard.tally.failures <= guard.tally.calls
        assert guard.tally.slow <= guard.tally.calls


def _enter(
    guard: Breaker,
    clock: ManualClock,
    out: list[tuple[BreakerPermit, State, float]],
    opened_at: float | None,
) -> None:
    before = guard.state
    admits = guard.admits()
    try:
        permit = guard.enter(HERE)
    except RejectedError:
        assert not admits
        assert before in (State.OPEN, State.HALF_OPEN)
        return
    assert admits
    assert before is not State.OPEN
    if before is State.HALF_OPEN and opened_at is not None:
        assert clock.monotonic() - opened_at >= 5.0
    out.append((permit, before, clock.monotonic()))
