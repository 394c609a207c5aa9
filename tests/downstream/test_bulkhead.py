"""Places are never given twice, none is lost, and vital calls go first."""

import asyncio
import random

import pytest

from riskengine.downstream.bulkhead import Bulkhead
from riskengine.downstream.call import Fate
from riskengine.downstream.concurrency import AimdLimit, AimdRules, FixedLimit
from riskengine.downstream.concurrency_guard import ConcurrencyGuard
from riskengine.downstream.errors import RejectedError
from riskengine.downstream.features import Priority
from tests.downstream.fleet import run_virtually
from tests.downstream.results import HERE, success
from tests.virtual_loop import LoopClock

FOREVER = 1e9


async def use(
    bulkhead: Bulkhead,
    seconds: float,
    *,
    priority: Priority = Priority.IMPORTANT,
    deadline: float = FOREVER,
) -> float:
    """Loop time at which a place was had."""
    async with bulkhead.place(deadline, priority) as place:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        place.fate = Fate.SUCCESS
    return began


def bulkhead(places: int = 2, **options: float) -> Bulkhead:
    return Bulkhead(LoopClock(), FixedLimit(places), **{"wait_max_s": 10.0, **options})  # type: ignore[arg-type]


def test_those_who_wait_are_let_in_in_order() -> None:
    async def work() -> None:
        walls = bulkhead(places=2)
        began = await asyncio.gather(*[use(walls, 1.0) for _ in range(6)])
        assert began == [0, 0, 1, 1, 2, 2]
        assert (walls.in_flight, walls.waiting) == (0, 0)

    run_virtually(work)


def test_vital_calls_go_before_those_that_came_earlier() -> None:
    async def work() -> None:
        walls = bulkhead(places=1)
        order = [Priority.OPTIONAL, Priority.OPTIONAL, Priority.IMPORTANT, Priority.VITAL]
        began = await asyncio.gather(*[use(walls, 1.0, priority=p) for p in order])
        assert began == [0, 3, 2, 1]

    run_virtually(work)


def test_a_full_queue_sends_the_least_important_away_and_never_a_vital_one() -> None:
    async def work() -> None:
        walls = bulkhead(places=1, waiting_max=2)
        order = [Priority.VITAL, Priority.OPTIONAL, Priority.OPTIONAL, Priority.VITAL]
        order += [Priority.VITAL, Priority.VITAL]
        calls = [asyncio.ensure_future(use(walls, 1.0, priority=p)) for p in order]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [end if isinstance(end, float) else type(end) for end in ends] == [
            0.0,
            RejectedError,
            RejectedError,
            1.0,
            2.0,
            RejectedError,
        ]
        assert walls.rejected == 3

    run_virtually(work)


@pytest.mark.parametrize(("deadline", "wait_s"), [(FOREVER, 0.1), (0.05, 0.05), (-1.0, 0.0)])
def test_nobody_waits_longer_than_allowed_nor_beyond_the_deadline(
    deadline: float, wait_s: float
) -> None:
    async def work() -> None:
        walls = bulkhead(places=1, wait_max_s=0.1)
        holder = asyncio.ensure_future(use(walls, 5.0))
        await asyncio.sleep(0)
        with pytest.raises(RejectedError, match="no place became free in time"):
            await use(walls, 1.0, deadline=deadline)
        assert asyncio.get_running_loop().time() == pytest.approx(wait_s)
        assert walls.waiting == 0
        await holder

    run_virtually(work)


def test_a_vital_call_waits_longer() -> None:
    async def work() -> None:
        walls = bulkhead(places=1, wait_max_s=0.1, vital_wait_max_s=0.5)
        holder = asyncio.ensure_future(use(walls, 0.4))
        await asyncio.sleep(0)
        assert await use(walls, 0, priority=Priority.VITAL) == 0.4
        await holder

    run_virtually(work)


def test_it_says_how_long_the_first_in_the_queue_has_waited() -> None:
    async def work() -> None:
        walls = bulkhead(places=1)
        calls = [asyncio.ensure_future(use(walls, 4.0)) for _ in range(3)]
        await asyncio.sleep(3.0)
        assert walls.queue_time_s() == 3.0
        assert walls.queue_time_s(Priority.VITAL) == 0.0, "no vital call waits"
        assert walls.busy_share == 1.0
        assert repr(walls) == "<Bulkhead service: 1 of 1 inside, 2 waiting, 0 rejected>"
        await asyncio.gather(*calls)
        assert walls.queue_time_s() == 0.0

    run_virtually(work)


def test_a_queue_that_empties_now_and_then_does_not_stand() -> None:
    async def work() -> None:
        walls = bulkhead(places=1)
        for _ in range(20):  # three at once, long enough apart for all of them
            calls = [asyncio.ensure_future(use(walls, 0.3)) for _ in range(3)]
            await asyncio.sleep(0.85)
            assert walls.waiting == 0
            assert walls.queue_time_s() == 0.0, "though the third waited 0.6 s"
            await asyncio.gather(*calls)

    run_virtually(work)


def test_a_queue_that_never_empties_stands() -> None:
    async def work() -> None:
        walls = bulkhead(places=1)
        calls = [asyncio.ensure_future(use(walls, 0.3)) for _ in range(20)]
        await asyncio.sleep(4.0)
        assert walls.queue_time_s() >= 2.0
        await asyncio.gather(*calls)
        assert walls.queue_time_s() == 0.0

    run_virtually(work)


def test_ten_thousand_cancelled_calls_leak_no_place() -> None:
    async def work() -> None:
        rng = random.Random(5)
        walls = bulkhead(places=7, waiting_max=20_000)
        calls = [
            asyncio.ensure_future(use(walls, rng.random(), priority=rng.choice(list(Priority))))
            for _ in range(10_000)
        ]
        for call in rng.sample(calls, len(calls)):
            if rng.random() < 0.1:
                await asyncio.sleep(rng.random() / 10)
            assert walls.in_flight <= 7
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert (walls.in_flight, walls.waiting) == (0, 0)
        assert await use(walls, 0) > 0

    run_virtually(work)


def test_a_call_cancelled_in_the_moment_it_is_let_in_hands_its_place_on() -> None:
    async def work() -> None:
        walls = bulkhead(places=1)
        first, second, third = (asyncio.ensure_future(use(walls, 1.0)) for _ in range(3))
        await asyncio.sleep(0.5)
        first.cancel()
        await asyncio.sleep(0)  # its place now belongs to the second, which has not run yet
        second.cancel()
        assert await third == 0.5
        assert walls.in_flight == 0

    run_virtually(work)


def test_the_limit_rises_by_one_a_round_and_falls_by_a_tenth_once_for_one_event() -> None:
    clock = LoopClock

    async def work() -> None:
        limit = AimdLimit(clock(), AimdRules(start=100, most=102, slow_after_s=0.5))
        await asyncio.sleep(1)
        for _ in range(100):
            limit.learn(Fate.SUCCESS, 0.1, in_flight=100)
        assert limit.limit == 100  # 100.995: a round of good calls adds nearly one
        for _ in range(500):
            limit.learn(Fate.SUCCESS, 0.1, in_flight=100)
        assert limit.limit == 102
        for _ in range(100):
            limit.learn(Fate.SUCCESS, 0.6, in_flight=100)
        assert limit.limit == 91
        await asyncio.sleep(1)
        limit.learn(Fate.FAILURE, 0.1, in_flight=100)
        assert limit.limit == 82

    run_virtually(work)


def test_the_limit_does_not_rise_while_it_is_not_used_nor_for_ignored_calls() -> None:
    async def work() -> None:
        limit = AimdLimit(LoopClock(), AimdRules(start=100))
        for _ in range(1_000):
            limit.learn(Fate.SUCCESS, 0.1, in_flight=49)
            limit.learn(Fate.IGNORED, 9.9, in_flight=100)
        assert repr(limit) == "<AimdLimit 100.0>"

    run_virtually(work)


def test_the_guard_of_an_endpoint_refuses_what_is_above_its_limit() -> None:
    guard = ConcurrencyGuard(lambda: FixedLimit(2))
    permits = [guard.enter(HERE) for _ in range(2)]
    assert not guard.available(HERE)
    with pytest.raises(RejectedError, match=r"2 calls to 127\.0\.0\.1:8080 are out"):
        guard.enter(HERE)
    for _ in range(3):
        permits[0].finished(success())
    assert guard.in_flight(HERE) == 1
    assert guard.available(HERE)
    guard.forget(HERE)
    permits[1].finished(success())
    assert guard.in_flight(HERE) == 0
