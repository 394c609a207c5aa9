"""Batches form from what arrives together; nobody waits for what nobody wants."""

import asyncio
from itertools import pairwise

import pytest

from riskengine.address import parse_address
from riskengine.batcher import Batcher, Work
from riskengine.clock import ManualClock
from riskengine.decision import Decision
from riskengine.errors import DeadlineError, OverloadedError, StoreError
from riskengine.request import Request
from tests.virtual_loop import LoopClock, VirtualLoop, in_virtual_time

LATER = 1e12


def request(name: str) -> Request:
    return Request(address=parse_address("203.0.113.7"), request_id=name)


class Desk:
    """Decides by echoing ids, once the gate is open; remembers the batches it was given."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.overloaded: list[bool] = []

    async def decide(self, work: Work) -> list[Decision]:
        self.batches.append([r.request_id for r in work.requests])
        self.overloaded.append(work.overloaded)
        await self.gate.wait()
        if self.error:
            raise self.error
        return [Decision(decision_id=r.request_id) for r in work.requests]


def ids(decisions: list[Decision]) -> list[str]:
    return [decision.decision_id for decision in decisions]


async def test_calls_of_one_loop_turn_are_one_batch_and_each_gets_its_own_answers() -> None:
    desk = Desk()
    batcher = Batcher(desk.decide, clock=ManualClock(), gather_s=0)
    answers = await asyncio.gather(
        batcher.submit([request("a")], LATER),
        batcher.submit([request("b"), request("c")], LATER),
        batcher.submit([], LATER),
    )
    assert desk.batches == [["a", "b", "c"]]
    assert [ids(answer) for answer in answers] == [["a"], ["b", "c"], []]


async def test_arrivals_gather_while_the_batches_in_flight_wait() -> None:
    desk = Desk()
    desk.gate.clear()
    batcher = Batcher(desk.decide, clock=ManualClock(), gather_s=0, in_flight=1)
    calls = [asyncio.ensure_future(batcher.submit([request("first")], LATER))]
    await _turns(3)
    calls += [asyncio.ensure_future(batcher.submit([request(n)], LATER)) for n in "xyz"]
    await _turns(3)
    assert desk.batches == [["first"]]
    desk.gate.set()
    await asyncio.gather(*calls)
    assert desk.batches == [["first"], ["x", "y", "z"]]


async def test_after_a_batch_of_several_calls_the_next_one_waits_for_company() -> None:
    desk = Desk()
    batcher = Batcher(desk.decide, clock=ManualClock(), gather_s=3_600, gather_max=2)
    await asyncio.gather(*[batcher.submit([request(n)], LATER) for n in "ab"])
    first = asyncio.ensure_future(batcher.submit([request("c")], LATER))
    await _turns(5)
    assert desk.batches == [["a", "b"]]
    await asyncio.gather(first, batcher.submit([request("d")], LATER))
    assert desk.batches == [["a", "b"], ["c", "d"]]


async def test_nobody_waits_for_company_while_the_process_has_time() -> None:
    desk = Desk()
    batcher = Batcher(
        desk.decide, clock=ManualClock(), gather_s=3_600, gather_max=2, is_busy=lambda: False
    )
    await asyncio.gather(*[batcher.submit([request(n)], LATER) for n in "ab"])
    await batcher.submit([request("c")], LATER)
    assert desk.batches == [["a", "b"], ["c"]]


def test_a_lone_caller_waits_for_company_once_in_32_calls() -> None:
    async def waits(loop: asyncio.AbstractEventLoop) -> list[float]:
        batcher = Batcher(Desk().decide, clock=ManualClock(), gather_s=0.02)
        times = [loop.time()]
        for number in range(65):
            await batcher.submit([request(str(number))], LATER)
            times.append(loop.time())
        return [after - before for before, after in pairwise(times)]

    waited = in_virtual_time(waits)
    assert [number for number, wait_s in enumerate(waited) if wait_s] == [0, 32, 64]
    assert waited[32] == pytest.approx(0.002)


async def test_nobody_waits_for_company_where_it_is_switched_off() -> None:
    desk = Desk()
    batcher = Batcher(desk.decide, clock=ManualClock(), gather_s=0)
    await asyncio.gather(*[batcher.submit([request(n)], LATER) for n in "ab"])
    lone = asyncio.ensure_future(batcher.submit([request("c")], LATER))
    await _turns(4)
    assert lone.done()


def test_a_batch_waits_as_long_as_company_keeps_coming() -> None:
    desk = Desk()

    async def wait_s(loop: VirtualLoop) -> float:
        batcher = Batcher(desk.decide, clock=LoopClock(), gather_s=3_600, gather_max=9)
        calls = []
        for _ in range(5):  # one a millisecond, then nobody for two
            calls.append(asyncio.ensure_future(batcher.submit([request("a")], LATER)))
            await asyncio.sleep(0.001)
        await asyncio.gather(*calls)
        return loop.time()

    assert 0.006 <= in_virtual_time(wait_s) <= 0.0081  # the last one came at 4 ms
    assert desk.batches == [["a"] * 5]


def test_company_is_waited_for_no_longer_than_a_quarter_of_a_callers_time() -> None:
    desk = Desk()

    async def wait_s(loop: VirtualLoop) -> float:
        batcher = Batcher(desk.decide, clock=LoopClock(), gather_s=3_600, gather_max=99)
        calls = [asyncio.ensure_future(batcher.submit([request("a")], 0.04))]
        while not calls[0].done():
            calls.append(asyncio.ensure_future(batcher.submit([request("b")], LATER)))
            await asyncio.sleep(0.001)
        return loop.time()

    assert in_virtual_time(wait_s) == pytest.approx(0.01, abs=0.0011)
    assert desk.overloaded[0] is False


async def test_a_batch_never_exceeds_its_size_unless_one_call_does() -> None:
    desk = Desk()
    batcher = Batcher(desk.decide, clock=ManualClock(), gather_s=0, batch_max=2)
    big = [request(n) for n in "abc"]
    await asyncio.gather(
        batcher.submit([request("1")], LATER),
        batcher.submit(big, LATER),
        batcher.submit([request("2")], LATER),
        batcher.submit([request("3")], LATER),
    )
    assert desk.batches == [["1"], ["a", "b", "c"], ["2", "3"]]


async def test_a_call_whose_deadline_passed_in_the_queue_is_dropped_before_any_work() -> None:
    desk = Desk()
    clock = ManualClock(100.0)
    batcher = Batcher(desk.decide, clock=clock, gather_s=0)
    late = batcher.submit([request("late")], 99.0)
    good = batcher.submit([request("good")], 101.0)
    results = await asyncio.gather(late, good, return_exceptions=True)
    assert isinstance(results[0], DeadlineError)
    assert desk.batches == [["good"]]


async def test_a_cancelled_call_is_not_worked_on() -> None:
    desk = Desk()
    batcher = Batcher(desk.decide, clock=ManualClock(), gather_s=0)
    gone = asyncio.ensure_future(batcher.submit([request("gone")], LATER))
    stays = asyncio.ensure_future(batcher.submit([request("stays")], LATER))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert desk.batches in ([["stays"]], [["gone", "stays"]])  # cancelled before or after taking
    assert gone.cancelled()


async def test_too_much_waiting_is_refused_at_once_and_the_rest_is_still_served() -> None:
    desk = Desk()
    batcher = Batcher(desk.decide, clock=ManualClock(), gather_s=0, waiting_max=3)
    accepted = [asyncio.ensure_future(batcher.submit([request(n)], LATER)) for n in "abc"]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="more than 3 requests are waiting"):
        await batcher.submit([request("d")], LATER)
    assert [ids(d) for d in await asyncio.gather(*accepted)] == [["a"], ["b"], ["c"]]


async def test_a_batch_knows_when_one_of_its_calls_waited_for_half_of_its_time() -> None:
    desk = Desk()
    clock = ManualClock(100.0)
    batcher = Batcher(desk.decide, clock=clock, in_flight=1, gather_s=0)
    desk.gate.clear()
    calls = [asyncio.ensure_future(batcher.submit([request("prompt")], 101.0))]
    await _turns(3)
    calls += [asyncio.ensure_future(batcher.submit([request(n)], 101.0)) for n in "ab"]
    await _turns(3)
    clock.advance(0.6)
    desk.gate.set()
    await asyncio.gather(*calls)
    assert (desk.batches, desk.overloaded) == ([["prompt"], ["a", "b"]], [False, True])


async def test_a_failing_batch_fails_each_of_its_calls_and_no_other() -> None:
    desk = Desk()
    desk.error = StoreError("broken")
    batcher = Batcher(desk.decide, clock=ManualClock(), gather_s=0)
    results = await asyncio.gather(
        *[batcher.submit([request(n)], LATER) for n in "ab"], return_exceptions=True
    )
    assert [str(result) for result in results] == ["broken", "broken"]
    desk.error = None
    assert ids(await batcher.submit([request("c")], LATER)) == ["c"]


async def test_drain_waits_for_everything_submitted() -> None:
    desk = Desk()
    desk.gate.clear()
    batcher = Batcher(desk.decide, clock=ManualClock(), gather_s=0, in_flight=1)
    calls = [asyncio.ensure_future(batcher.submit([request(n)], LATER)) for n in "ab"]
    await _turns(2)
    draining = asyncio.ensure_future(batcher.drain())
    await _turns(3)
    assert not draining.done()
    desk.gate.set()
    await draining
    assert all(call.done() for call in calls)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
