"""Stores that the tests share: real servers, started once."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings

from riskengine.clock import SystemClock
from riskengine.store.counters import Counters
from riskengine.store.embedded import EmbeddedServer
from riskengine.store.open import open_counters

# Whether a change may land depends on that change alone. `--hypothesis-profile=explore` looks for
# cases that nobody has seen.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """URL of an embedded Valkey that lives as long as the test run."""
    server = EmbeddedServer(SystemClock())
    with asyncio.Runner() as runner:
        runner.run(server.start())
        yield server.url
        runner.run(server.stop())


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the system's own Redis, where it is installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed; `make deps` installs it")
    directory = tmp_path_factory.mktemp("redis")
    socket = directory / "redis.sock"
    process = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", directory],
        stdout=subprocess.DEVNULL,
    )
    asyncio.run(_wait_for(socket))
    yield f"unix://{socket}"
    process.send_signal(signal.SIGTERM)
    process.wait()


@pytest.fixture(params=["memory", "valkey", pytest.param("redis", marks=pytest.mark.system)])
def store_url(request: pytest.FixtureRequest) -> str:
    """URL of every kind of store that there is."""
    if request.param == "memory":
        return "memory"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest_asyncio.fixture
async def counters(store_url: str) -> AsyncIterator[Counters]:
    """Counters at every kind of store, with all the time they want."""
    opened = open_counters(store_url, clock=SystemClock(), timeout_s=5)
    yield opened
    await opened.close()


async def _wait_for(socket: Path) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(socket)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
