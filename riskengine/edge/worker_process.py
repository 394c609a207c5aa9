"""The supervisor's end of a worker: starts it, hears its notices, gives it orders."""

import asyncio
import contextlib
import sys
from collections.abc import Sequence

from riskengine.edge.control import Failed, Order, Ready, Report, encode_line, read_notice
from riskengine.tasks import spawn

COMMAND = (sys.executable, "-m", "riskengine.edge.worker_main")

_LINE_BYTES_MAX = 16 * 1024 * 1024
_REPORT_S = 1.0


class WorkerProcess:
    """One worker, from start to end. Made by `start`; a spare until it is told to `serve`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.name = ""
        self.pid = process.pid
        self.ready: asyncio.Future[Ready | Failed] = asyncio.get_running_loop().create_future()
        """How its start went; a worker that dies without a word has failed."""
        self._process = process
        self._report: asyncio.Future[Report] | None = None
        self._listening = spawn(self._listen(), name=f"notices-of-process-{process.pid}")

    @classmethod
    async def start(
        cls, command: Sequence[str] = COMMAND, *, pass_fds: Sequence[int] = ()
    ) -> "WorkerProcess":
        """Start a process that imports what it needs, and then waits."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the supervisor's to act upon, and it drains us
            limit=_LINE_BYTES_MAX,
            pass_fds=pass_fds,
        )
        return cls(process)

    def serve(self, name: str, line: bytes) -> None:
        """Let it serve under this name, as its first line says; `ready` tells how that went."""
        self.name = name
        self._write(line + b"\n")

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.returncode is None

    @property
    def serving(self) -> bool:
        """Whether it has said that it serves, and lives."""
        return self.alive and self.ready.done() and isinstance(self.ready.result(), Ready)

    def order(self, order: Order) -> None:
        """Tell it what to do; a dead worker hears nothing, and that is no error."""
        self._write(encode_line(order))

    async def report(self) -> Report | None:
        """What it counts; None when it does not answer within a second."""
        if self._report is None or self._report.done():
            self._report = asyncio.get_running_loop().create_future()
            self.order("report")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REPORT_S):
                return await asyncio.shield(self._report)
        return None

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Its exit code, once it has ended; negative for a signal."""
        code = await self._process.wait()
        await asyncio.wait([self._listening])
        return code

    def _write(self, line: bytes) -> None:
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(line)

    async def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        while line := await self._process.stdout.readline():
            notice = read_notice(line)
            if isinstance(notice, Report):
                if self._report is not None and not self._report.done():
                    self._report.set_result(notice)
            elif not self.ready.done():
                self.ready.set_result(notice)
        code = await self._process.wait()
        if not self.ready.done():
            self.ready.set_result(Failed(f"worker {self.name} ended with exit code {code}", 1))
