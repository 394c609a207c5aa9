import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib import metadata
from pathlib import Path

import pytest
import pytest_asyncio

from riskengine.clock import SystemClock
from riskengine.errors import StoreError
from riskengine.store import embedded
from riskengine.store.counters import Counters, Hit, Tally
from riskengine.store.embedded import EmbeddedServer
from riskengine.store.open import open_counters
from tests.waiting import until

CLOCK = SystemClock()
LOGIN = Hit("login", limit=1_000_000, window_us=60_000_000)
BUDGET_S = 0.05

PARENT = """
import asyncio, sys
from riskengine.clock import SystemClock
from riskengine.store.embedded import EmbeddedServer

async def main() -> None:
    server = EmbeddedServer(SystemClock())
    await server.start()
    print(server.pid, server.url, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest_asyncio.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    """A server of this test alone, to be maltreated."""
    server = EmbeddedServer(CLOCK)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def counters(server: EmbeddedServer) -> AsyncIterator[Counters]:
    """As a worker opens them."""
    opened = open_counters(server.url, clock=CLOCK, timeout_s=BUDGET_S)
    yield opened
    await opened.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def socket_of(server: EmbeddedServer) -> Path:
    return Path(server.url.removeprefix("unix://"))


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def answer_or_none(counters: Counters) -> Tally | None:
    """One answer; whatever happens, it must come inside the budget and a little."""
    started = CLOCK.monotonic()
    try:
        [[tally]] = await counters.hit([[LOGIN]], budget_s=BUDGET_S)
    except StoreError:
        tally = None
    assert CLOCK.monotonic() - started < BUDGET_S + 0.1
    return tally


async def rebirth(server: EmbeddedServer, dead: int) -> None:
    await until(lambda: server.pid != dead)


async def keep_asking(counters: Counters, stop: asyncio.Event) -> list[Tally | None]:
    """Load: eight askers, until told to stop."""

    async def ask() -> list[Tally | None]:
        answers = []
        while not stop.is_set():
            answers.append(await answer_or_none(counters))
            await asyncio.sleep(0.001)
        return answers

    return [a for answers in await asyncio.gather(*[ask() for _ in range(8)]) for a in answers]


async def seconds_until_it_answers(counters: Counters) -> float:
    started = CLOCK.monotonic()
    async with asyncio.timeout(10):
        while await answer_or_none(counters) is None:  # noqa: ASYNC110 - servers set no events
            await asyncio.sleep(0.005)
    return CLOCK.monotonic() - started


async def test_it_answers_on_a_socket_that_only_we_can_open(
    server: EmbeddedServer, counters: Counters
) -> None:
    assert await answer_or_none(counters) is not None
    socket = socket_of(server)
    assert permissions(socket.parent) == permissions(socket) == 0o700


async def test_stopping_leaves_no_process_and_no_file(server: EmbeddedServer) -> None:
    pid, socket = server.pid, socket_of(server)
    assert pid is not None
    await server.stop()
    await server.stop()
    assert not is_alive(pid)
    assert not socket.parent.exists()


async def test_a_long_temporary_directory_is_left_for_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    server = EmbeddedServer(CLOCK)
    await server.start()
    assert len(server.url) < 100
    assert not list(deep.iterdir())
    await server.stop()


async def test_a_server_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_binary", lambda: Path("/bin/false"))
    server = EmbeddedServer(CLOCK)
    with pytest.raises(StoreError, match="did not start: it said nothing"):
        await server.start()
    assert server.pid is None


def test_without_the_wheel_it_says_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(embedded, "distribution", missing)
    with pytest.raises(StoreError, match="--store memory --workers 1"):
        embedded.find_binary()


@pytest.mark.fault
async def test_a_killed_server_is_restarted_and_answers_within_a_second(
    server: EmbeddedServer, counters: Counters
) -> None:
    stop = asyncio.Event()
    load = asyncio.ensure_future(keep_asking(counters, stop))
    await seconds_until_it_answers(counters)
    killed = server.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await rebirth(server, killed)
    assert await seconds_until_it_answers(counters) < 1
    stop.set()
    answers = await load
    assert server.pid != killed
    assert None in answers
    assert answers[-1] is not None


@pytest.mark.fault
async def test_a_server_killed_again_and_again_keeps_coming_back(
    server: EmbeddedServer, counters: Counters
) -> None:
    for _ in range(3):
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await rebirth(server, pid)
        assert await seconds_until_it_answers(counters) < 1.5


@pytest.mark.fault
async def test_a_stalled_server_costs_each_call_its_budget_at_most(
    server: EmbeddedServer, counters: Counters
) -> None:
    stop = asyncio.Event()
    load = asyncio.ensure_future(keep_asking(counters, stop))
    await seconds_until_it_answers(counters)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for _ in range(200):
            await answer_or_none(counters)
        assert await answer_or_none(counters) is None
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert await seconds_until_it_answers(counters) < 1
    stop.set()
    assert None in await load


@pytest.mark.fault
async def test_answers_after_a_stall_are_those_of_the_questions_asked(
    server: EmbeddedServer, counters: Counters
) -> None:
    assert server.pid is not None
    await seconds_until_it_answers(counters)
    os.kill(server.pid, signal.SIGSTOP)
    await asyncio.gather(*[answer_or_none(counters) for _ in range(8)])
    os.kill(server.pid, signal.SIGCONT)
    await seconds_until_it_answers(counters)
    for limit in range(10, 60):
        hit = Hit(f"own {limit}", limit=limit, window_us=60_000_000)
        [[tally]] = await counters.hit([[hit]], budget_s=1)
        assert tally.remaining == limit - 1


@pytest.mark.fault
async def test_a_stalled_server_can_be_stopped(server: EmbeddedServer) -> None:
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await server.stop()
    assert not is_alive(pid)


@pytest.mark.fault
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
async def test_it_never_outlives_the_process_that_started_it() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid, url = (await parent.stdout.readline()).decode().split()
    assert is_alive(int(pid))
    parent.kill()
    await parent.wait()
    await until(lambda: not is_alive(int(pid)))
    shutil.rmtree(url.removeprefix("unix://").removesuffix("/store.sock"))
