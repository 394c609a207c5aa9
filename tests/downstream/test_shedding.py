"""Levels rise after two seconds, fall after ten, one at a time, and do not flap."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.downstream.shedding import Load, Shedding, SheddingRules

HIGH, MIDDLE, CALM = Load(cpu=0.95), Load(cpu=0.8), Load(cpu=0.3)


def watch(
    shedding: Shedding, clock: ManualClock, load: Load | Callable[[], Load], seconds: float
) -> list[tuple[float, int]]:
    """The changes of level within `seconds`, looked at ten times a second."""
    began, seen = clock.monotonic(), shedding.level
    changes = []
    for _ in range(round(seconds * 10)):
        level = shedding.note(load() if callable(load) else load)
        if level != seen:
            changes.append((round(clock.monotonic() - began, 1), level))
            seen = level
        clock.advance(0.1)
    return changes


def made() -> tuple[Shedding, ManualClock]:
    clock = ManualClock(0.0)
    return Shedding(clock), clock


@pytest.mark.parametrize(
    ("load", "levels"),
    [
        (Load(cpu=0.91), 2),
        (Load(cpu=0.90), 0),
        (Load(queue_s=0.051), 2),
        (Load(queue_s=0.05), 0),
        (Load(busy=1.0), 0),
    ],
)
def test_a_level_is_entered_above_the_thresholds(load: Load, levels: int) -> None:
    shedding, clock = made()
    watch(shedding, clock, load, 20)
    assert shedding.level == levels


def test_levels_are_entered_after_two_seconds_and_left_after_ten_one_at_a_time() -> None:
    shedding, clock = made()
    assert watch(shedding, clock, HIGH, 30) == [(2.0, 1), (4.1, 2)]
    assert watch(shedding, clock, CALM, 30) == [(10.0, 1), (20.1, 0)]


def test_a_short_peak_is_no_reason_and_a_short_calm_neither() -> None:
    shedding, clock = made()
    for _ in range(10):
        assert watch(shedding, clock, HIGH, 1.9) == []
        assert watch(shedding, clock, CALM, 0.1) == []
    watch(shedding, clock, HIGH, 2.1)
    for _ in range(10):
        assert watch(shedding, clock, CALM, 9.9) == []
        assert watch(shedding, clock, MIDDLE, 0.1) == []
    assert shedding.level == 1


def test_between_calm_and_high_nothing_changes() -> None:
    shedding, clock = made()
    watch(shedding, clock, HIGH, 2.1)
    assert watch(shedding, clock, MIDDLE, 600) == []


def test_a_level_is_not_left_while_what_would_come_back_does_not_fit() -> None:
    shedding, clock = made()
    watch(shedding, clock, HIGH, 2.1)
    assert watch(shedding, clock, Load(busy=0.6, returning=0.5), 600) == []
    assert watch(shedding, clock, Load(busy=0.6, returning=0.3), 11) == [(10.0, 0)]


def test_a_level_that_relapses_is_left_later_each_time() -> None:
    shedding, clock = made()

    def load() -> Load:
        return CALM if shedding.level else HIGH

    at = [0.0] + [when for when, _ in watch(shedding, clock, load, 1_200)]
    stayed = [round(after - before) for before, after in zip(at[1::2], at[2::2], strict=False)]
    assert stayed[:6] == [10, 20, 40, 80, 160, 300]
    watch(shedding, clock, CALM, 1_000)
    watch(shedding, clock, HIGH, 2.3)
    [(after_s, _)] = watch(shedding, clock, CALM, 11)
    assert after_s == pytest.approx(10, abs=0.2), "forgiven after a long calm"


def test_a_level_set_by_hand_stays_until_released() -> None:
    shedding, clock = made()
    shedding.hold(2)
    assert watch(shedding, clock, CALM, 60) == []
    assert repr(shedding) == "<Shedding level 2 by hand, 0 changes>"
    shedding.release()
    changes = watch(shedding, clock, CALM, 30)
    assert [level for _, level in changes] == [1, 0]
    assert [when for when, _ in changes] == pytest.approx([10, 20], abs=0.5)


@pytest.mark.parametrize("level", [-1, 3])
def test_a_level_that_is_none_cannot_be_set(level: int) -> None:
    with pytest.raises(ValueError, match=f"level: must be 0 to 2, got {level}"):
        made()[0].hold(level)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.2), st.floats(0, 3)), max_size=200))
def test_whatever_the_load_levels_change_by_one_and_not_too_soon(
    readings: list[tuple[float, float, float]],
) -> None:
    clock = ManualClock(0.0)
    rules = SheddingRules(levels=3)
    shedding = Shedding(clock, rules)
    level, changed_at = 0, 0.0
    for cpu, queue_s, wait_s in readings:
        clock.advance(wait_s)
        new = shedding.note(Load(cpu=cpu, queue_s=queue_s))
        assert 0 <= new <= 3
        if new != level:
            least_s = rules.enter_after_s if new > level else rules.leave_after_s
            assert abs(new - level) == 1
            assert clock.monotonic() - changed_at >= least_s
            level, changed_at = new, clock.monotonic()
