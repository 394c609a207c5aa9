"""A gateway as its operator sees it: a process, its first line, its exit code."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.gateway.backends import Backend
from tests.gateway.running import config_for, write_rules

COMMAND = (sys.executable, "-m", "riskengine.cli.main", "gateway", "--config")


class GatewayProcess:
    """`riskengine gateway`, serving."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self._process = process
        self.address = address
        self.url = f"http://{address}"

    def stop(self) -> None:
        """Ask it to drain."""
        self._process.send_signal(signal.SIGTERM)

    async def line(self) -> bytes:
        """The next line of its standard output."""
        assert self._process.stdout is not None
        return await asyncio.wait_for(self._process.stdout.readline(), 30)

    async def ended(self) -> int:
        """Its exit code."""
        return await asyncio.wait_for(self._process.wait(), 30)


@asynccontextmanager
async def gateway_process(
    directory: Path, *backends: Backend, **changed: Any
) -> AsyncIterator[GatewayProcess]:
    """It serves for as long as the block runs, or until it is stopped."""
    write_rules(directory)
    path = directory / "gateway.yaml"
    path.write_text(json.dumps(config_for(*backends, **changed)))
    process = await asyncio.create_subprocess_exec(
        *COMMAND, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert line.startswith("riskengine gateway serves HTTP on "), line
        yield GatewayProcess(process, line.split()[5])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def accepts(address: str) -> bool:
    """Whether somebody listens there."""
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True
