"""A process is busy when it uses most of a core."""

from riskengine.busyness import Busyness
from riskengine.clock import ManualClock


class Meter:
    """CPU time, as told."""

    def __init__(self) -> None:
        self.used_s = 100.0

    def __call__(self) -> float:
        return self.used_s


def test_it_is_idle_until_it_has_been_watched() -> None:
    assert not Busyness(ManualClock(), cpu_s=Meter()).is_busy()


def test_it_is_busy_from_sixty_percent_of_a_core_and_idle_again_below() -> None:
    clock, meter = ManualClock(), Meter()
    busyness = Busyness(clock, cpu_s=meter)
    seen = []
    for used_s in (0.061, 0.059, 0.2, 0.0):
        clock.advance(0.1)
        meter.used_s += used_s
        seen.append(busyness.is_busy())
    assert seen == [True, False, True, False]


def test_it_looks_at_most_every_fifty_milliseconds() -> None:
    clock, meter = ManualClock(), Meter()
    busyness = Busyness(clock, cpu_s=meter)
    clock.advance(0.04)
    meter.used_s += 0.04
    assert not busyness.is_busy()
    clock.advance(0.02)
    assert busyness.is_busy()
