import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from riskengine.clock import SystemClock
from riskengine.errors import StoreError
from riskengine.store.counters import Hit
from riskengine.store.guarded import GuardedCounters
from riskengine.store.redis import RedisCounters
from tests.waiting import until

LOGIN = Hit("login", limit=5, window_us=60_000_000)
CLOCK = SystemClock()


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """Where the store will be once it is there."""
    return tmp_path / "store.sock"


@pytest_asyncio.fixture
async def guarded(socket: Path) -> AsyncIterator[GuardedCounters]:
    """Counters at a store that is not there yet."""
    opened = GuardedCounters(RedisCounters(f"unix://{socket}", timeout_s=1), CLOCK)
    yield opened
    await opened.close()


def bring_back(socket: Path, url: str) -> None:
    """Let the path lead to a store that runs."""
    socket.symlink_to(url.removeprefix("unix://"))


def take_away(socket: Path) -> None:
    socket.unlink()


async def fail(guarded: GuardedCounters, times: int, budget_s: float = 1) -> str:
    """The last of `times` errors."""
    message = ""
    for _ in range(times):
        with pytest.raises(StoreError) as raised:
            await guarded.hit([[LOGIN]], budget_s=budget_s)
        message = str(raised.value)
    return message


async def seconds_until_it_answers(guarded: GuardedCounters) -> float:
    waited_s = await until(lambda: guarded.away_s is None)
    await guarded.hit([[LOGIN]], budget_s=1)
    return waited_s


async def test_after_three_failures_in_a_row_nobody_asks_any_more(
    guarded: GuardedCounters,
) -> None:
    assert "away" not in await fail(guarded, 3)
    assert guarded.away_s is not None
    assert "has been away for" in await fail(guarded, 1)


async def test_two_failures_do_not_make_a_store_away(guarded: GuardedCounters) -> None:
    await fail(guarded, 2)
    assert guarded.away_s is None


async def test_a_success_in_between_forgives(
    guarded: GuardedCounters, socket: Path, valkey_url: str
) -> None:
    await fail(guarded, 2)
    bring_back(socket, valkey_url)
    await guarded.hit([[LOGIN]], budget_s=1)
    await guarded.close()
    take_away(socket)
    await fail(guarded, 2)
    assert guarded.away_s is None


async def test_calls_in_a_hurry_tell_nothing_about_the_store(guarded: GuardedCounters) -> None:
    await fail(guarded, 10, budget_s=0.001)
    assert guarded.away_s is None


async def test_a_store_that_is_back_is_found_within_a_second_without_a_request(
    guarded: GuardedCounters, socket: Path, valkey_url: str
) -> None:
    await fail(guarded, 3)
    bring_back(socket, valkey_url)
    assert await seconds_until_it_answers(guarded) < 1


async def test_closing_ends_the_search(guarded: GuardedCounters) -> None:
    await fail(guarded, 3)
    await guarded.close()
    await asyncio.sleep(0)
    assert "store-probe" not in {task.get_name() for task in asyncio.all_tasks()}
