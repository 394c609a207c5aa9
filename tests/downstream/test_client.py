"""A service called as one: who is chosen, who is told, and how the list of endpoints changes."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from riskengine.downstream.call import Call, CallResult, Fate, Judgement, Progress
from riskengine.downstream.client import Client
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.dns_endpoints import DnsEndpoints
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import (
    ConnectError,
    DiscoveryError,
    NoEndpointError,
    RejectedError,
)
from riskengine.downstream.inflight import InFlight
from riskengine.downstream.judging import judge_error
from riskengine.downstream.pool_limits import PoolLimits
from riskengine.downstream.retry import Retries
from riskengine.downstream.retry_budget import RetryBudget
from riskengine.downstream.round_robin import RoundRobin
from riskengine.downstream.runner import Persistent
from riskengine.downstream.slow_start import SlowStart
from tests.downstream.fleet import Fleet, Wire, run_virtually
from tests.virtual_loop import LoopClock

ONE, TWO, THREE = (Endpoint(f"10.0.0.{number}:80") for number in (1, 2, 3))


class Log:
    """Watches and guards at once: notes what it is told, refuses and rules out as set."""

    def __init__(self) -> None:
        self.results: list[CallResult] = []
        self.given: list[Endpoint] = []
        self.returned: list[CallResult] = []
        self.forgotten: list[Endpoint] = []
        self.away: set[Endpoint] = set()
        self.refusing: set[Endpoint] = set()

    def available(self, endpoint: Endpoint) -> bool:
        return endpoint not in self.away

    def enter(self, endpoint: Endpoint) -> "Leave":
        if endpoint in self.refusing:
            raise RejectedError("the breaker is open")
        self.given.append(endpoint)
        return Leave(self)

    def finished(self, result: CallResult) -> None:
        self.results.append(result)

    def forget(self, endpoint: Endpoint) -> None:
        self.forgotten.append(endpoint)


class Leave:
    def __init__(self, log: Log) -> None:
        self._log = log

    def finished(self, result: CallResult) -> None:
        self._log.returned.append(result)


def in_turn(in_flight: InFlight, slow_start: SlowStart) -> RoundRobin:
    return RoundRobin()


@asynccontextmanager
async def client_of(
    *endpoints: Endpoint, fleet: Fleet | None = None, **parts: Any
) -> AsyncIterator[Client[Wire]]:
    parts.setdefault("balancer", in_turn)
    client: Client[Wire] = Client(
        fleet or Fleet(), ClientParts(**parts), clock=LoopClock(), rng=random.Random(1)
    )
    async with client:
        await client.update(endpoints)
        yield client
    assert all(client.in_flight.count(endpoint) == 0 for endpoint in endpoints)


async def work(wire: Wire) -> int:
    await wire.call(0.1)
    return wire.number


async def fail(wire: Wire) -> int:
    await wire.call(0.1)
    raise ConnectionResetError("reset midway")


def test_calls_go_round_and_everyone_is_told() -> None:
    async def check() -> None:
        log = Log()
        async with client_of(ONE, TWO, watches=[log], guards=[log]) as client:
            for _ in range(6):
                await client.call(work, timeout_s=1)
            assert Counter(log.given) == {ONE: 3, TWO: 3}
            assert log.results == log.returned
            assert {r.fate for r in log.results} == {Fate.SUCCESS}
            assert all(r.latency_s == pytest.approx(0.11, abs=0.02) for r in log.results)

    run_virtually(check)


def test_error_of_the_work_is_raised_and_told() -> None:
    async def check() -> None:
        log = Log()
        async with client_of(ONE, watches=[log], guards=[log]) as client:
            with pytest.raises(ConnectionResetError, match="reset midway"):
                await client.call(fail, timeout_s=1)
            (result,) = log.results
            assert (result.fate, result.progress) == (Fate.FAILURE, Progress.MAYBE)
            assert log.returned == [result]

    run_virtually(check)


def test_deadline_covers_waiting_connecting_and_working() -> None:
    async def check() -> None:
        log = Log()
        limits = PoolLimits(connections_max=1)
        async with client_of(ONE, watches=[log], limits=limits) as client:
            before = asyncio.get_running_loop().time()
            with pytest.raises(TimeoutError):
                await client.call(lambda wire: wire.call(10), timeout_s=0.5)
            assert asyncio.get_running_loop().time() - before == pytest.approx(0.5)
            assert log.results[0].fate is Fate.FAILURE
            assert "calls=0" in repr(client)

    run_virtually(check)


def test_cancelled_call_is_told_once_and_says_nothing_about_the_endpoint() -> None:
    async def check() -> None:
        log = Log()
        async with client_of(ONE, watches=[log], guards=[log]) as client:
            call = asyncio.ensure_future(client.call(work, timeout_s=1))
            await asyncio.sleep(0.05)
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled()
            assert [r.fate for r in log.results] == [Fate.IGNORED]
            assert log.returned == log.results

    run_virtually(check)


def test_endpoint_whose_guard_refuses_is_passed_over() -> None:
    async def check() -> None:
        first, log = Log(), Log()
        log.refusing = {ONE}
        async with client_of(ONE, TWO, guards=[first, log]) as client:
            for _ in range(4):
                await client.call(work, timeout_s=1)
            assert log.given == [TWO] * 4
            assert len(first.given) == len(first.returned), "leave that was not used is given back"
            log.refusing = {ONE, TWO}
            with pytest.raises(RejectedError, match="the breaker is open"):
                await client.call(work, timeout_s=1)

    run_virtually(check)


def test_endpoint_that_is_ruled_out_gets_nothing() -> None:
    async def check() -> None:
        log = Log()
        log.away = {TWO}
        async with client_of(ONE, TWO, THREE, watches=[log]) as client:
            for _ in range(10):
                await client.call(work, timeout_s=1)
            assert {r.endpoint for r in log.results} == {ONE, THREE}

    run_virtually(check)


def test_retry_goes_to_another_endpoint() -> None:
    async def check() -> None:
        log = Log()
        clock = LoopClock()
        retries = Persistent(Retries(clock, random.Random(1), RetryBudget(reserve=9)))

        async def fail_on_one(wire: Wire) -> int:
            await wire.call(0.01)
            if log.given[-1] == ONE:
                raise ConnectionResetError
            return wire.number

        async with client_of(ONE, TWO, watches=[log], guards=[log], runner=retries) as client:
            for _ in range(4):
                await client.call(fail_on_one, timeout_s=1, idempotent=True)
            assert log.given.count(ONE) >= 1
            follow = [b for a, b in zip(log.given, log.given[1:], strict=False) if a == ONE]
            assert set(follow) == {TWO}

    run_virtually(check)


def test_refused_connections_are_the_endpoints_fault() -> None:
    async def check() -> None:
        fleet, log = Fleet(), Log()
        fleet.failing = True
        async with client_of(ONE, fleet=fleet, watches=[log]) as client:
            with pytest.raises(ConnectError):
                await client.call(work, timeout_s=1)
            (result,) = log.results
            assert (result.fate, result.progress) == (Fate.FAILURE, Progress.NOT_SENT)
            assert result.retryable

    run_virtually(check)


def test_endpoint_that_leaves_finishes_its_calls_and_is_forgotten() -> None:
    async def check() -> None:
        fleet, log = Fleet(), Log()
        async with client_of(ONE, fleet=fleet, watches=[log]) as client:
            call = asyncio.ensure_future(client.call(lambda wire: wire.call(5), timeout_s=9))
            await asyncio.sleep(1)
            await client.update([TWO])
            assert log.forgotten == [ONE]
            await client.call(work, timeout_s=1)
            await call
            await asyncio.sleep(1)
            assert client.endpoints == [TWO]
            assert len(fleet.live) == 1
            assert log.results[-1].endpoint == TWO, "nothing more is told about one that left"

    run_virtually(check)


def test_newcomer_starts_slowly_but_not_the_first_ones() -> None:
    async def check() -> None:
        async with client_of(ONE, TWO) as client:
            weights = [client.slow_start.weight_of(endpoint) for endpoint in (ONE, TWO)]
            assert weights == [1, 1]
            await client.update([ONE, TWO, THREE])
            assert client.slow_start.weight_of(THREE) == pytest.approx(0.1)
            assert client.slow_start.weight_of(ONE) == 1

    run_virtually(check)


def test_endpoint_that_comes_back_starts_slowly() -> None:
    async def check() -> None:
        log = Log()
        async with client_of(ONE, TWO, watches=[log]) as client:
            log.away = {TWO}
            await client.call(work, timeout_s=1)
            assert client.slow_start.weight_of(TWO) == 1
            log.away = set()
            await client.call(work, timeout_s=1)
            assert client.slow_start.weight_of(TWO) == pytest.approx(0.1)
            await asyncio.sleep(30)
            assert client.slow_start.weight_of(TWO) == 1

    run_virtually(check)


def test_service_without_endpoints_says_so() -> None:
    async def check() -> None:
        async with client_of() as client:
            with pytest.raises(NoEndpointError, match="no endpoint that may be called"):
                await client.call(work, timeout_s=1)
        with pytest.raises(NoEndpointError, match="the client is closed"):
            await client.call(work, timeout_s=1)

    run_virtually(check)


def test_client_follows_a_source_until_it_is_closed() -> None:
    async def check() -> None:
        zone = ["10.0.0.1"]

        async def resolve(host: str, port: int) -> list[str]:
            return zone

        client: Client[Wire] = Client(Fleet(), clock=LoopClock(), rng=random.Random(1))
        source = DnsEndpoints("shop", 80, rng=random.Random(1), resolve=resolve)
        await client.follow(source)
        assert client.endpoints == [ONE]
        zone = ["10.0.0.2"]
        await asyncio.sleep(31)
        assert client.endpoints == [TWO]
        await client.close()
        zone = []
        with pytest.raises(DiscoveryError, match="no addresses"):
            await Client(Fleet(), clock=LoopClock(), rng=random.Random(1)).follow(source)

    run_virtually(check)


def test_the_judge_reads_answers_too() -> None:
    """An answer that reports a failure is returned, and counted against its endpoint."""

    def judge(answer: object | None, error: BaseException | None) -> Judgement:
        return judge_error(error) if error else Judgement(Fate.FAILURE, Progress.ANSWERED)

    async def check() -> None:
        log = Log()
        async with client_of(ONE, watches=[log], judge=judge) as client:
            attempt = await client.run(Call(deadline=9), work)
            assert attempt.answer == 1
            assert attempt.error is None
            assert attempt.result == log.results[0]
            assert log.results[0].fate is Fate.FAILURE

    run_virtually(check)


def test_close_lets_calls_end_within_its_time() -> None:
    async def check() -> None:
        async with client_of(ONE) as client:
            call = asyncio.ensure_future(client.call(work, timeout_s=1))
            await asyncio.sleep(0.05)
            await client.close(drain_s=5)
            assert call.result() == 1

    run_virtually(check)
