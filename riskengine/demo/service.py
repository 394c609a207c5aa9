"""The real service as a child process: started as a user would start it, stopped for certain."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from riskengine.demo.child_process import end_process
from riskengine.errors import RiskEngineError

_READY_WITHIN_S = 30.0
_STOP_WITHIN_S = 20.0


class RunningService(NamedTuple):
    """A service that answers."""

    target: str
    """HOST:PORT of its gRPC listener."""
    pid: int
    """Process id of its supervisor."""


@contextlib.asynccontextmanager
async def running_service(*flags: str) -> AsyncIterator[RunningService]:
    """`riskengine serve` on a free port with `flags`, for as long as the block lasts.

    Raises RiskEngineError with the service's own words when it does not start.
    """
    command = ("-m", "riskengine.cli.main", "serve", "--listen", "127.0.0.1:0", *flags)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        target = await _ready(process, flags)
        assert process.stderr is not None  # noqa: S101 - it was asked for above
        quiet = asyncio.ensure_future(process.stderr.read())  # a full pipe would stop the service
        yield RunningService(target, process.pid)
        quiet.cancel()
    finally:
        await end_process(process, within_s=_STOP_WITHIN_S)


async def _ready(process: asyncio.subprocess.Process, flags: Sequence[str]) -> str:
    """The address in the line that the service prints once it serves."""
    assert process.stdout is not None  # noqa: S101 - it was asked for above
    assert process.stderr is not None  # noqa: S101
    try:
        async with asyncio.timeout(_READY_WITHIN_S):
            line = (await process.stdout.readline()).decode()
            if not line:
                words = (await process.stderr.read()).decode().strip()
                raise RiskEngineError(f"the service did not start ({' '.join(flags)}):\n{words}")
    except TimeoutError:
        raise RiskEngineError(f"the service did not start within {_READY_WITHIN_S:.0f} s") from None
    return next(word for word in line.split() if word.startswith("127.0.0.1:"))
