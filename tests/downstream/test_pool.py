"""What a pool promises, on a loop with virtual time."""

import asyncio

import pytest

from riskengine.downstream.errors import (
    ClosedError,
    ConnectError,
    PoolFullError,
    PoolTimeoutError,
)
from riskengine.downstream.pool import ConnectionPool
from riskengine.downstream.pool_limits import PoolLimits
from tests.downstream.fleet import Fleet, Wire, run_virtually
from tests.downstream.pools import SOON, pool_of, use


def test_start_opens_the_minimum_and_says_so() -> None:
    async def work() -> None:
        async with pool_of(Fleet(), connections_min=3, connections_max=5) as pool:
            assert repr(pool) == (
                "<ConnectionPool 10.0.0.1:80 open=3 idle=3 calls=0 opening=0 closing=0 "
                "waiting=0 max=5>"
            )

    run_virtually(work)


def test_last_connection_given_back_is_the_next_one_used() -> None:
    async def work() -> None:
        async with pool_of(Fleet(), connections_min=3, connections_max=5) as pool:
            first = await use(pool)
            assert [await use(pool) for _ in range(5)] == [first] * 5

    run_virtually(work)


def test_callers_are_served_in_the_order_they_came() -> None:
    async def work() -> None:
        served: list[int] = []

        async def caller(number: int, pool: ConnectionPool[Wire]) -> None:
            async with await pool.acquire(SOON) as wire:
                served.append(number)
                await wire.call(0.1)

        async with pool_of(Fleet(), connections_max=2) as pool:
            await asyncio.gather(*(caller(n, pool) for n in range(20)))
            assert served == list(range(20))
            assert pool.open == 2

    run_virtually(work)


def test_wait_ends_with_the_deadline_and_leaves_nobody_in_the_queue() -> None:
    async def work() -> None:
        async with pool_of(Fleet(), connections_max=1) as pool:
            busy = await pool.acquire(SOON)
            at = asyncio.get_running_loop().time()
            with pytest.raises(PoolTimeoutError, match=r"10\.0\.0\.1:80 became free"):
                await pool.acquire(at + 0.5)
            assert asyncio.get_running_loop().time() == pytest.approx(at + 0.5)
            assert pool.waiting == 0
            busy.release()
            assert pool.idle == 1

    run_virtually(work)


def test_too_many_waiting_callers_are_refused_at_once() -> None:
    async def work() -> None:
        async with pool_of(Fleet(), connections_max=1, waiting_max=2) as pool:
            busy = await pool.acquire(SOON)
            waiting = [asyncio.ensure_future(use(pool)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(PoolFullError, match="2 callers wait"):
                await pool.acquire(SOON)
            busy.release()
            await asyncio.gather(*waiting)

    run_virtually(work)


def test_dead_connection_is_noticed_on_borrow_and_replaced() -> None:
    async def work() -> None:
        fleet = Fleet()
        async with pool_of(fleet, connections_min=2, connections_max=2) as pool:
            for wire in fleet.live:
                wire.alive = False
            assert await use(pool) == 3
            await asyncio.sleep(2)
            assert pool.open == 2
            assert all(wire.is_usable() for wire in fleet.live)

    run_virtually(work)


def test_connection_that_broke_during_a_call_does_not_come_back() -> None:
    async def work() -> None:
        async with pool_of(Fleet(), connections_max=2) as pool:
            async with await pool.acquire(SOON) as wire:
                wire.alive = False
            assert pool.open == 0
            assert await use(pool) == 2

    run_virtually(work)


def test_unused_connections_are_closed_down_to_the_minimum() -> None:
    async def work() -> None:
        bounds = {"connections_min": 2, "connections_max": 9, "idle_s": 10}
        async with pool_of(Fleet(), **bounds) as pool:
            await asyncio.gather(*(use(pool) for _ in range(9)))
            assert pool.open == 9
            await asyncio.sleep(8)
            assert pool.open == 9
            await asyncio.sleep(4)
            assert pool.open == 2

    run_virtually(work)


def test_no_more_than_idle_max_lie_unused() -> None:
    async def work() -> None:
        async with pool_of(Fleet(), connections_max=9, idle_max=4) as pool:
            await asyncio.gather(*(use(pool) for _ in range(9)))
            assert pool.idle == 4

    run_virtually(work)


def test_old_connection_is_replaced_before_it_goes() -> None:
    async def work() -> None:
        fleet = Fleet()
        bounds = {"connections_min": 2, "connections_max": 4, "age_max_s": 30, "idle_s": 1000}
        async with pool_of(fleet, **bounds) as pool:
            for _ in range(600):
                await asyncio.sleep(0.25)
                assert 2 <= pool.open <= 4
            assert 8 <= fleet.made <= 14, "150 s at 27 to 30 s a life"

    run_virtually(work)


def test_busy_connection_grows_old_too() -> None:
    async def work() -> None:
        fleet = Fleet()
        async with pool_of(fleet, connections_max=1, age_max_s=10) as pool:
            for _ in range(300):
                await use(pool, 0.1)
            assert 3 <= fleet.made <= 5

    run_virtually(work)


def test_lives_end_at_different_times() -> None:
    async def work() -> None:
        fleet = Fleet()
        bounds = {"connections_min": 10, "connections_max": 20, "age_max_s": 100, "age_jitter": 0.5}
        async with pool_of(fleet, **bounds):
            most = 0
            for _ in range(100):
                before = fleet.made
                await asyncio.sleep(1)
                most = max(most, fleet.made - before)
            assert fleet.made >= 20
            assert most <= 4, "so many replaced in one second"

    run_virtually(work)


def test_several_calls_share_a_connection_up_to_its_limit() -> None:
    async def work() -> None:
        fleet = Fleet()
        fleet.calls_max = 10
        async with pool_of(fleet, connections_max=4, calls_per_connection=10) as pool:
            await asyncio.gather(*(use(pool) for _ in range(35)))
            assert pool.open == 4
            await asyncio.gather(*(use(pool) for _ in range(7)))
            assert fleet.made == 4

    run_virtually(work)


def test_refused_connection_is_told_to_the_caller_who_waits_longest() -> None:
    async def work() -> None:
        fleet = Fleet()
        async with pool_of(fleet, connections_max=1) as pool:
            fleet.failing = True
            first, second = (asyncio.ensure_future(use(pool)) for _ in range(2))
            with pytest.raises(ConnectError, match="refused"):
                await first
            fleet.failing = False
            assert await second == 1

    run_virtually(work)


def test_connection_that_never_comes_is_given_up() -> None:
    async def work() -> None:
        async with pool_of(Fleet(connect_s=1e6), connections_max=1, connect_s=2) as pool:
            with pytest.raises(ConnectError, match="no connection within 2 s"):
                await use(pool)

    run_virtually(work)


def test_minimum_is_tried_for_again_when_the_endpoint_comes_back() -> None:
    async def work() -> None:
        fleet = Fleet()
        fleet.failing = True
        async with pool_of(fleet, connections_min=2, connections_max=2) as pool:
            assert pool.open == 0
            fleet.failing = False
            await asyncio.sleep(1.5)
            assert pool.open == 2

    run_virtually(work)


def test_drain_lets_calls_end_and_refuses_new_ones() -> None:
    async def work() -> None:
        fleet = Fleet()
        async with pool_of(fleet, connections_min=2, connections_max=4) as pool:
            call = asyncio.ensure_future(use(pool, 3))
            await asyncio.sleep(1)
            drain = asyncio.ensure_future(pool.drain(SOON))
            await asyncio.sleep(0)
            with pytest.raises(ClosedError):
                await pool.acquire(SOON)
            await drain
            assert call.done()
            assert asyncio.get_running_loop().time() < 4
            assert not fleet.live

    run_virtually(work)


def test_drain_ends_with_its_deadline() -> None:
    async def work() -> None:
        fleet = Fleet()
        async with pool_of(fleet, connections_max=4) as pool:
            lease = await pool.acquire(SOON)
            await pool.drain(5)
            assert asyncio.get_running_loop().time() < 6
            assert not fleet.live
            lease.release()
            assert pool.open == 0

    run_virtually(work)


def test_second_release_of_a_lease_does_nothing() -> None:
    async def work() -> None:
        async with pool_of(Fleet(), connections_max=1) as pool:
            lease = await pool.acquire(SOON)
            lease.release()
            other = await pool.acquire(SOON)
            lease.release()
            assert pool.idle == 0
            other.release()

    run_virtually(work)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"connections_max": 0}, "connections_max: must be 1 or more"),
        ({"connections_min": 5, "connections_max": 4}, "connections_min: must be from 0"),
        ({"connections_min": 5, "idle_max": 4}, "idle_max: must not be below"),
        ({"calls_per_connection": 0}, "calls_per_connection: must be 1"),
        ({"age_jitter": 1.0}, "age_jitter: must be from 0"),
        ({"idle_s": 0}, "idle_s: must be above 0"),
    ],
)
def test_unusable_limits_are_refused(limits: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PoolLimits(**limits)  # type: ignore[arg-type]  # wrong on purpose
