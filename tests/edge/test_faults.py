"""The real service under load while its parts are stalled and killed."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import grpc
import pytest

from riskengine.clock import SystemClock
from riskengine.v1 import riskengine_pb2 as pb
from tests.edge.real_service import (
    HERE,
    PASSES,
    SALE,
    STOPS,
    a_request,
    has_store,
    real_service,
    store_of,
    worker_of,
)
from tests.edge.service_process import ServiceProcess, channel_to, children_of, stub_of, until

pytestmark = pytest.mark.fault

CLOCK = SystemClock()
DEADLINE_S = 1.0
LATENESS_S = 0.2
"""What this machine may add to an answer that was given in time."""

ALLOW, THROTTLE, DENY = pb.VERDICT_ALLOW, pb.VERDICT_THROTTLE, pb.VERDICT_DENY


class Answer(NamedTuple):
    """One decision as a gateway got it."""

    path: str
    at: float
    """Monotonic seconds when it was there."""
    took_s: float
    verdict: int
    reason: str
    degraded: tuple[str, ...]


class Traffic:
    """Gateways that ask all the time, on one channel, between entering and leaving."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stop = asyncio.Event()
        self.answers: list[Answer] = []

    async def __aenter__(self) -> Self:
        self._channel = channel_to(self._address)
        await self._channel.channel_ready()
        self._stub = stub_of(self._channel)
        self._askers = [
            asyncio.ensure_future(self._ask(path)) for path in (HERE, PASSES, STOPS) * 2
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._askers)
        await self._channel.close()

    async def _ask(self, path: str) -> None:
        """A call that fails fails the test, in `__aexit__`."""
        while not self._stop.is_set():
            started = CLOCK.monotonic()
            decision = await self._stub.Evaluate(a_request(path), timeout=DEADLINE_S)
            now = CLOCK.monotonic()
            self.answers.append(
                Answer(
                    path,
                    now,
                    now - started,
                    decision.verdict,
                    decision.reason,
                    tuple(decision.degraded),
                )
            )

    async def some(self, *, degraded: bool, count: int = 200) -> None:
        """Wait for that many answers with the store, or without it, from now on."""
        start = len(self.answers)
        await until(
            lambda: sum(bool(a.degraded) is degraded for a in self.answers[start:]) >= count,
            within_s=10,
        )

    async def first_with_the_store(self, since: float) -> float:
        """Seconds from `since` to the first decision that the store had a part in."""

        def found() -> list[float]:
            return [a.at - since for a in self.answers if a.at > since and not a.degraded]

        await until(found, within_s=10)
        return found()[0]


@asynccontextmanager
async def traffic_at(service: ServiceProcess) -> AsyncIterator[Traffic]:
    """Traffic that runs well before the block begins."""
    async with Traffic(await service.address()) as traffic:
        await traffic.some(degraded=False)
        yield traffic


def check(answers: list[Answer]) -> None:
    """Each decision came in time and followed its rule."""
    assert max(a.took_s for a in answers) < DEADLINE_S + LATENESS_S
    found = {(a.path, a.verdict, a.reason, a.degraded) for a in answers}
    assert found == {
        (HERE, ALLOW, "ok", ()),
        (PASSES, ALLOW, "ok", ()),
        (STOPS, ALLOW, "ok", ()),
        (HERE, ALLOW, "ok", ("store",)),
        (PASSES, ALLOW, "ok", ("store",)),
        (STOPS, DENY, "rate_limit.store_unavailable", ("store",)),
    }


async def test_stalled_store_delays_no_decision_and_is_asked_again_within_a_second(
    tmp_path: Path,
) -> None:
    async with real_service(tmp_path) as service, traffic_at(service) as traffic:
        store = store_of(service)
        os.kill(store, signal.SIGSTOP)
        try:
            await traffic.some(degraded=True)
        finally:
            os.kill(store, signal.SIGCONT)
        back_s = await traffic.first_with_the_store(CLOCK.monotonic())
        await traffic.some(degraded=False)
    check(traffic.answers)
    assert back_s < 1


async def test_killed_store_is_restarted_and_asked_again_within_a_second(tmp_path: Path) -> None:
    async with real_service(tmp_path) as service, traffic_at(service) as traffic:
        store = store_of(service)
        os.kill(store, signal.SIGKILL)
        await traffic.some(degraded=True, count=1)
        await until(lambda: has_store(service, but=store), within_s=5)
        back_s = await traffic.first_with_the_store(CLOCK.monotonic())
        await traffic.some(degraded=False)
    assert max(a.took_s for a in traffic.answers) < DEADLINE_S + LATENESS_S
    assert {(a.verdict, a.degraded) for a in traffic.answers} <= {
        (ALLOW, ()), (ALLOW, ("store",)), (DENY, ("store",)),
    }  # fmt: skip
    assert back_s < 1


async def test_killed_worker_is_replaced_within_a_second(tmp_path: Path) -> None:
    async with real_service(tmp_path) as service:
        address = await service.address()
        # A store, a worker, and a spare that has had the time to import what it needs.
        await until(lambda: len(children_of(service.pid)) == 3, within_s=5)
        await until(lambda: cpu_s(max(children_of(service.pid))) > 0.2, within_s=20)
        await settled(max(children_of(service.pid)))
        os.kill(worker_of(service), signal.SIGKILL)
        killed = CLOCK.monotonic()
        decision = await first_decision(address)
        assert CLOCK.monotonic() - killed < 1
        assert decision.verdict == ALLOW
        assert not decision.degraded


async def test_killed_worker_takes_only_its_own_calls_with_it(tmp_path: Path) -> None:
    async with real_service(tmp_path, "--workers", "2") as service:
        address = await service.address()
        os.kill(worker_of(service), signal.SIGKILL)
        assert (await first_decision(address)).verdict == ALLOW
        await service.log("worker ended, replacing it")
        assert await service.stop() == 0


async def test_thousand_concurrent_hits_on_two_workers_admit_exactly_the_limit(
    tmp_path: Path,
) -> None:
    flags = ("--workers", "2", "--max-budget-ms", "30000", "--store-timeout-ms", "1000")
    async with real_service(tmp_path, *flags) as service:
        address = await service.address()
        channels = [channel_to(address) for _ in range(16)]
        calls = [
            stub_of(channels[number % 16]).Evaluate(a_request(SALE), timeout=30)
            for number in range(1_000)
        ]
        decisions = await asyncio.gather(*calls)
        for channel in channels:
            await channel.close()
    assert len({d.decision_id.partition("-")[0] for d in decisions}) == 2, "both workers decide"
    assert Counter((d.verdict, tuple(d.degraded)) for d in decisions) == {
        (ALLOW, ()): 100,
        (THROTTLE, ()): 900,
    }


async def first_decision(address: str) -> Any:
    """The first answer, asked for again and again as a gateway does that was refused."""
    async with asyncio.timeout(20):
        while True:
            async with channel_to(address) as channel:
                try:
                    return await stub_of(channel).Evaluate(a_request(HERE), timeout=DEADLINE_S)
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
            await asyncio.sleep(0.01)


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def settled(pid: int) -> None:
    """Wait until a process has nothing to do for a fifth of a second."""
    used = -1.0
    while used != cpu_s(pid):
        used = cpu_s(pid)
        await asyncio.sleep(0.2)  # measures what another process does meanwhile
