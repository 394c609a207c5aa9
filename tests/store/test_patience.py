"""Blocked loops on purpose: an answer that is there is taken, one that is not is not awaited."""

import asyncio
import uuid
from collections.abc import Callable

import pytest
import uvloop

from riskengine.clock import SystemClock
from riskengine.errors import StoreError
from riskengine.store.counters import Hit, Tally
from riskengine.store.patience import Patience
from riskengine.store.redis import RedisCounters
from tests.virtual_loop import VirtualLoop, in_virtual_time

HOUR = 3_600_000_000
BUDGET_S = 0.2
CLOCK = SystemClock()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def new_loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Both loops that a worker may run on: one fires timers before it reads, the other after."""
    factory: Callable[[], asyncio.AbstractEventLoop] = request.param
    return factory


def be_busy(seconds: float) -> None:
    """Hold the loop with work of the CPU."""
    end = CLOCK.monotonic() + seconds
    while CLOCK.monotonic() < end:
        pass


def test_an_answer_that_came_while_the_loop_was_busy_is_taken(
    valkey_url: str, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def ask() -> list[Tally]:
        counters = RedisCounters(valkey_url, timeout_s=BUDGET_S)
        login = Hit(uuid.uuid4().hex, limit=100, window_us=HOUR)
        await counters.hit([[login]], budget_s=5)  # connects
        tallies = []
        for _ in range(4):
            call = asyncio.ensure_future(counters.hit([[login]], budget_s=BUDGET_S))
            await asyncio.sleep(0)  # lets it send
            be_busy(1.5 * BUDGET_S)
            [[tally]] = await call
            tallies.append(tally)
        await counters.close()
        return tallies

    with asyncio.Runner(loop_factory=new_loop) as runner:
        tallies = runner.run(ask())
    assert [tally.remaining for tally in tallies] == [98, 97, 96, 95]


def test_a_silent_store_is_given_up_in_time(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def ask() -> float:
        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        counters = RedisCounters(f"redis://127.0.0.1:{port}", timeout_s=BUDGET_S)
        started = CLOCK.monotonic()
        with pytest.raises(StoreError, match="did not answer within 200 ms"):
            await counters.hit([[Hit("a", 1, HOUR)]], budget_s=1)
        took_s = CLOCK.monotonic() - started
        await counters.close()
        server.close()
        return took_s

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert BUDGET_S - 0.001 <= runner.run(ask()) < 2


@pytest.mark.parametrize(
    ("busy_s", "given_up_at_s"),
    [(0.0, 0.01), (0.0115, 0.0115), (0.0125, 0.1125), (0.03, 0.13)],
    ids=["idle", "as late as a timer may be", "late", "very late"],
)
def test_grace_is_given_to_a_late_timer_alone(busy_s: float, given_up_at_s: float) -> None:
    async def wait(loop: VirtualLoop) -> None:
        async with Patience(0.01, grace_s=0.1):
            loop.advance(busy_s)
            await asyncio.Event().wait()

    async def waited_s(loop: VirtualLoop) -> float:
        with pytest.raises(TimeoutError):
            await wait(loop)
        return loop.time()

    assert in_virtual_time(waited_s) == pytest.approx(given_up_at_s)


async def test_a_cancelled_wait_is_cancelled_and_does_not_time_out() -> None:
    async def wait() -> None:
        async with Patience(60, grace_s=1):
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
