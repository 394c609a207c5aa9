"""What matters less answers from its fallback, what is vital never does, and all comes back."""

import asyncio

import pytest

from riskengine.clock import ManualClock
from riskengine.downstream.bulkhead import Bulkhead
from riskengine.downstream.concurrency import FixedLimit
from riskengine.downstream.degradation import Answer, Degradation
from riskengine.downstream.errors import RejectedError
from riskengine.downstream.fallbacks import cached, empty, static
from riskengine.downstream.features import Feature, Priority
from riskengine.downstream.overload import Overload
from riskengine.downstream.shedding import Shedding

FEATURES = [
    Feature("order", Priority.VITAL),
    Feature("history", Priority.OPTIONAL, static("later")),
    Feature("search", Priority.IMPORTANT, static("popular goods")),
    Feature("reviews", Priority.OPTIONAL, empty()),
]


async def service() -> object:
    return "service"


async def broken() -> object:
    raise ConnectionResetError("the service went away")


def made(**options: float) -> tuple[Degradation, ManualClock]:
    clock = ManualClock(0.0)
    return Degradation(clock, FEATURES, **options), clock  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("level", "shed"),
    [(0, []), (1, ["history", "reviews"]), (2, ["history", "search", "reviews"])],
)
async def test_a_level_sheds_its_priorities_and_never_a_vital_one(
    level: int, shed: list[str]
) -> None:
    degradation, _ = made()
    degradation.set_level(level)
    assert degradation.shed == shed
    for feature in FEATURES:
        answer = await degradation.run(feature.name, None, service)
        assert (answer.degraded == "shed") == (feature.name in shed)
    assert await degradation.run("order", None, service) == Answer("service")


async def test_features_come_back_one_at_a_time_the_important_first() -> None:
    degradation, clock = made(restore_every_s=2.0)
    degradation.set_level(2)
    degradation.set_level(0)
    seen = []
    for _ in range(4):
        seen.append(degradation.shed)
        clock.advance(2.0)
    assert seen == [
        ["history", "search", "reviews"],
        ["history", "reviews"],
        ["reviews"],
        [],
    ]


async def test_a_level_that_rises_again_ends_the_return() -> None:
    degradation, clock = made(restore_every_s=2.0)
    degradation.set_level(1)
    degradation.set_level(0)
    clock.advance(2.0)
    assert degradation.shed == ["reviews"]
    degradation.set_level(1)
    clock.advance(60.0)
    assert degradation.shed == ["history", "reviews"]


async def test_a_failed_call_is_answered_by_the_fallback_and_without_one_by_its_error() -> None:
    degradation, _ = made()
    assert await degradation.run("search", None, broken) == Answer("popular goods", "failed")
    with pytest.raises(ConnectionResetError):
        await degradation.run("order", None, broken)


async def test_a_mistake_in_the_code_is_not_hidden_by_a_fallback() -> None:
    async def mistaken() -> object:
        raise KeyError("price")

    degradation, _ = made()
    with pytest.raises(KeyError):
        await degradation.run("search", None, mistaken)


async def test_what_is_shed_and_has_no_fallback_is_refused() -> None:
    degradation = Degradation(ManualClock(), [Feature("export", Priority.OPTIONAL)])
    degradation.set_level(1)
    with pytest.raises(RejectedError, match="export is shed") as refusal:
        await degradation.run("export", None, service)
    assert refusal.value.retry_after_s == 2.0


async def test_a_cached_fallback_asks_the_cache_first_and_an_empty_one_is_always_new() -> None:
    held = {"a": "old reviews"}

    async def look_up(key: object) -> object | None:
        return held.get(str(key))

    fallback = cached(look_up, empty())
    assert await fallback("a") == "old reviews"
    first, second = await fallback("b"), await fallback("b")
    assert first == second == []
    assert first is not second


def test_a_feature_is_declared_once() -> None:
    with pytest.raises(ValueError, match="each name must be there once"):
        Degradation(ManualClock(), [FEATURES[0], FEATURES[0]])


async def test_it_knows_how_much_would_come_back() -> None:
    degradation, _ = made()
    degradation.set_level(1)
    for name in ["order"] * 10 + ["reviews"] * 5:
        await degradation.run(name, None, service)
    assert degradation.returning_share() == pytest.approx(0.5)
    degradation.set_level(2)
    assert degradation.returning_share() == 0.0, "nothing important was held back"


async def test_a_busy_cpu_degrades_what_is_optional_and_a_calm_one_brings_it_back() -> None:
    degradation, clock = made()
    shares = {"now": 1.0}
    shedding = Shedding(clock)
    walls = Bulkhead(clock, FixedLimit(10))
    overload = Overload(clock, shedding, degradation, cpu=lambda: shares["now"], bulkheads=[walls])
    entered = _look_until(overload, clock, lambda: degradation.shed == ["history", "reviews"])
    assert 2.0 < entered < 6.0
    shares["now"] = 0.1
    left = _look_until(overload, clock, lambda: not degradation.shed)
    assert 10.0 < left < 20.0


async def test_queues_count_only_while_those_wait_whom_the_next_level_protects() -> None:
    degradation, clock = made()
    walls = Bulkhead(clock, FixedLimit(1), wait_max_s=60)
    overload = Overload(clock, Shedding(clock), degradation, bulkheads=[walls])

    async def occupy(priority: Priority) -> None:
        async with walls.place(clock.monotonic() + 1_000, priority):
            await asyncio.Event().wait()

    waiting = [asyncio.ensure_future(occupy(Priority.OPTIONAL)) for _ in range(3)]
    await asyncio.sleep(0)
    levels = []
    for priority in (Priority.IMPORTANT, Priority.VITAL, Priority.VITAL):
        for _ in range(100):
            clock.advance(0.1)
            overload.look()
        levels.append(degradation.shed)
        waiting.append(asyncio.ensure_future(occupy(priority)))
        await asyncio.sleep(0)
    assert levels == [[], ["history", "reviews"], ["history", "search", "reviews"]]
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def _look_until(overload: Overload, clock: ManualClock, done: object) -> float:
    assert callable(done)
    began = clock.monotonic()
    while not done():
        overload.look()
        clock.advance(0.1)
        assert clock.monotonic() - began < 60
    return clock.monotonic() - began
