"""Both kinds of workers, on virtual time; threads and processes on real ones."""

import asyncio
import functools
import os
import random
import signal
import threading
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.downstream.errors import ClosedError, LostError, QueueFullError, StaleError
from riskengine.downstream.hash_ring import HashRing
from riskengine.downstream.hashing import BoundedHash
from riskengine.downstream.inflight import InFlight
from riskengine.downstream.least_loaded import LeastLoaded, calls_per_weight
from riskengine.downstream.round_robin import RoundRobin
from riskengine.downstream.scheduled_workers import ScheduledWorkers
from riskengine.downstream.shared_workers import SharedWorkers
from riskengine.downstream.work_places import InProcesses, InThreads
from riskengine.downstream.workers import Workers
from tests.downstream.fleet import run_virtually


def shared(count: int, **bounds: float) -> Workers:
    return SharedWorkers(count, **bounds)  # type: ignore[arg-type]  # whole where due


def least_loaded(load: InFlight) -> LeastLoaded:
    return LeastLoaded(calls_per_weight(load), random.Random(1))


def scheduled(count: int, **bounds: float) -> Workers:
    return ScheduledWorkers(count, least_loaded, **bounds)  # type: ignore[arg-type]  # as above


KINDS = pytest.mark.parametrize("make", [shared, scheduled])
Make = Callable[..., Workers]


class Bench:
    """Work that takes time; counts how much of it goes on at once, and in which order it began."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.begun: list[object] = []

    async def work(self, name: object, seconds: float) -> object:
        self.begun.append(name)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.now -= 1
        return name

    def of(self, name: object, seconds: float = 1.0) -> Callable[[], Awaitable[object]]:
        return functools.partial(self.work, name, seconds)


@KINDS
def test_so_many_at_a_time_and_no_worker_idle_while_work_waits(make: Make) -> None:
    async def check() -> None:
        bench, workers = Bench(), make(4)
        names = await asyncio.gather(*(workers.run(bench.of(n)) for n in range(20)))
        assert names == list(range(20))
        assert bench.most == 4
        assert asyncio.get_running_loop().time() == pytest.approx(5)

    run_virtually(check)


@KINDS
def test_urgent_work_goes_first_then_in_the_order_it_came(make: Make) -> None:
    async def check() -> None:
        bench, workers = Bench(), make(1)
        order = [("first", 0), ("late", 2), ("soon", 1), ("late too", 2), ("now", 0)]
        await asyncio.gather(*(workers.run(bench.of(n), priority=p) for n, p in order))
        assert bench.begun == ["first", "now", "soon", "late", "late too"]

    run_virtually(check)


@KINDS
def test_too_much_work_is_refused_at_once(make: Make) -> None:
    async def check() -> None:
        bench, workers = Bench(), make(1, waiting_max=2)
        waiting = [asyncio.ensure_future(workers.run(bench.of(n))) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError, match="2 pieces of work wait"):
            await workers.run(bench.of("more"))
        assert await asyncio.gather(*waiting) == [0, 1, 2]

    run_virtually(check)


@KINDS
def test_more_urgent_work_takes_the_place_of_the_least_urgent(make: Make) -> None:
    async def check() -> None:
        bench, workers = Bench(), make(1, waiting_max=2)
        runs = [asyncio.ensure_future(workers.run(bench.of(n), priority=n)) for n in (0, 5, 3)]
        await asyncio.sleep(0)
        assert await workers.run(bench.of("urgent"), priority=1) == "urgent"
        with pytest.raises(QueueFullError, match="pushed out"):
            await runs[1]
        assert await runs[2] == 3

    run_virtually(check)


@KINDS
def test_work_that_waited_too_long_is_dropped(make: Make) -> None:
    async def check() -> None:
        bench, workers = Bench(), make(1, patience_s=2.5)
        runs = [asyncio.ensure_future(workers.run(bench.of(n))) for n in range(5)]
        done = await asyncio.gather(*runs, return_exceptions=True)
        assert done[:3] == [0, 1, 2]
        assert [type(error) for error in done[3:]] == [StaleError] * 2
        assert bench.begun == [0, 1, 2]
        assert "waiting=0" in repr(workers)

    run_virtually(check)


@KINDS
def test_cancelled_work_ends_and_frees_its_worker(make: Make) -> None:
    async def check() -> None:
        bench, workers = Bench(), make(1)
        first = asyncio.ensure_future(workers.run(bench.of("long", 1e5)))
        second = asyncio.ensure_future(workers.run(bench.of("waiting")))
        await asyncio.sleep(1)
        second.cancel()
        first.cancel()
        await asyncio.wait([first, second])
        assert await workers.run(bench.of("next")) == "next"
        assert bench.begun == ["long", "next"]

    run_virtually(check)


@KINDS
def test_failing_work_frees_its_worker(make: Make) -> None:
    async def fail() -> None:
        raise KeyError("of the work")

    async def check() -> None:
        workers = make(1)
        for _ in range(3):
            with pytest.raises(KeyError, match="of the work"):
                await workers.run(fail)

    run_virtually(check)


@KINDS
def test_drain_waits_for_all_work_and_takes_no_more(make: Make) -> None:
    async def check() -> None:
        bench, workers = Bench(), make(2)
        runs = [asyncio.ensure_future(workers.run(bench.of(n))) for n in range(5)]
        await asyncio.sleep(0)
        drain = asyncio.ensure_future(workers.drain())
        await asyncio.sleep(0)
        with pytest.raises(ClosedError):
            await workers.run(bench.of("more"))
        await drain
        assert all(run.done() for run in runs)

    run_virtually(check)


@KINDS
@settings(max_examples=100, deadline=None)
@given(
    calls=st.lists(
        st.tuples(
            st.integers(0, 30),  # begins after so many tenths
            st.integers(0, 10),  # takes so many tenths
            st.integers(0, 3),  # priority
            st.one_of(st.none(), st.integers(0, 20)),  # is cancelled after so many tenths
        ),
        max_size=40,
    ),
    count=st.integers(1, 4),
)
def test_workers_are_never_exceeded_and_never_lost(
    make: Make, calls: list[tuple[int, int, int, int | None]], count: int
) -> None:
    async def check() -> None:
        bench, workers = Bench(), make(count, waiting_max=5, patience_s=1.0)

        async def caller(begin: int, takes: int, priority: int, cancel: int | None) -> None:
            await asyncio.sleep(begin / 10)
            run = asyncio.ensure_future(workers.run(bench.of(0, takes / 10), priority=priority))
            await asyncio.wait([run], timeout=None if cancel is None else cancel / 10)
            run.cancel()
            done = await asyncio.gather(run, return_exceptions=True)
            allowed = (QueueFullError, StaleError, asyncio.CancelledError)
            assert done[0] == 0 or isinstance(done[0], allowed)

        await asyncio.gather(*(caller(*call) for call in calls))
        assert bench.most <= count
        await asyncio.gather(*(workers.run(bench.of(1, 1)) for _ in range(count)))
        assert bench.most <= count
        assert "busy=0" in repr(workers)

    run_virtually(check)


def test_ten_thousand_cancelled_pieces_of_work_leave_an_empty_queue() -> None:
    async def check() -> None:
        for workers in (shared(4, waiting_max=10_000), scheduled(4, waiting_max=10_000)):
            bench = Bench()
            runs = [asyncio.ensure_future(workers.run(bench.of(n, 9))) for n in range(10_000)]
            await asyncio.sleep(1)
            for run in runs:
                run.cancel()
            await asyncio.wait(runs)
            assert bench.begun == [0, 1, 2, 3]
            assert await workers.run(bench.of("next")) == "next"
            assert "busy=0 of 4" in repr(workers)

    run_virtually(check)


def test_equal_keys_stay_with_one_worker() -> None:
    """Hashed without stealing, work of one key never overlaps and keeps its order."""

    def ring(load: InFlight) -> BoundedHash:
        return BoundedHash(HashRing, load, bound=1e9)

    async def check() -> None:
        bench = Bench()
        workers = ScheduledWorkers(4, ring, steals=False)
        runs = [(f"user {n % 7}", n) for n in range(70)]
        await asyncio.gather(*(workers.run(bench.of(r), key=r[0].encode()) for r in runs))
        for user in range(7):
            begun = [run for run in bench.begun if run in runs and f"user {user}" in str(run)]
            assert begun == [run for run in runs if run[0] == f"user {user}"]

    run_virtually(check)


@pytest.mark.parametrize(("steals", "seconds"), [(True, 10), (False, 15)])
def test_idle_workers_steal_what_waits_behind_slow_work(steals: bool, seconds: float) -> None:
    async def check() -> None:
        bench = Bench()
        workers = ScheduledWorkers(2, lambda _: RoundRobin(), steals=steals)
        slow = [workers.run(bench.of("slow", 10))]
        quick = [workers.run(bench.of(n)) for n in range(10)]
        await asyncio.gather(*slow, *quick)
        assert asyncio.get_running_loop().time() == pytest.approx(seconds)

    run_virtually(check)


async def test_blocking_work_runs_in_threads_so_many_at_a_time() -> None:
    lock, now, most = threading.Lock(), 0, 0
    meet = threading.Barrier(3)

    def work() -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        meet.wait(20)
        with lock:
            now -= 1
        return threading.current_thread().name

    workers = SharedWorkers(3, place=InThreads(3))
    names = await asyncio.gather(*(workers.run(work) for _ in range(9)))
    assert most == 3
    assert all(name.startswith("downstream") for name in names)
    await workers.drain()


async def test_thread_of_a_cancelled_call_is_busy_until_its_function_ends() -> None:
    begun, end = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        end.wait(20)

    workers = SharedWorkers(1, place=InThreads(1))
    call = asyncio.ensure_future(workers.run(block))
    await asyncio.to_thread(begun.wait, 20)
    call.cancel()
    await asyncio.wait([call])
    assert call.cancelled()
    assert "busy=1" in repr(workers)
    end.set()
    assert await workers.run(lambda: "next") == "next"
    await workers.drain()


@pytest.mark.slow
async def test_computing_work_runs_in_processes_and_survives_the_death_of_one() -> None:
    workers = SharedWorkers(2, place=InProcesses(2))
    pids = await asyncio.gather(*(workers.run(os.getpid) for _ in range(4)))
    assert os.getpid() not in pids
    with pytest.raises(LostError, match="a worker process died"):
        await workers.run(functools.partial(_kill_own_process, signal.SIGKILL))
    assert await workers.run(functools.partial(pow, 2, 10)) == 1024
    await workers.drain()


def _kill_own_process(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("bounds", [{"count": 0}, {"count": 1, "waiting_max": -1}])
def test_unusable_bounds_are_refused(bounds: dict[str, int]) -> None:
    for make in (shared, scheduled):
        with pytest.raises(ValueError, match="count must be 1 or more"):
            make(**bounds)
