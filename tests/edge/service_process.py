"""A service as its operator sees it: a process, its first line, its log, its exit code."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from riskengine.edge.health import RULES
from riskengine.v1 import riskengine_pb2_grpc as stubs

SMALL = (sys.executable, "-m", "tests.edge.small_supervisor")
_PATIENCE_S = 30


class ServiceProcess:
    """Started on entering; ended, whatever became of it, on leaving."""

    def __init__(self, arguments: Sequence[str], *, command: Sequence[str] = SMALL) -> None:
        self._command = (*command, *arguments)
        self._logs: list[dict[str, Any]] = []
        self.errors = ""

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            *self._command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "GRPC_VERBOSITY": "NONE"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    @property
    def pid(self) -> int:
        return self.process.pid

    async def address(self) -> str:
        """Where it serves, once it says so."""
        assert self.process.stdout is not None
        line = (await asyncio.wait_for(self.process.stdout.readline(), _PATIENCE_S)).decode()
        assert line.startswith("riskengine serves gRPC on "), line + await self.all_errors()
        return line.split()[4]

    async def log(self, message: str) -> dict[str, Any]:
        """The next log line with this message."""
        assert self.process.stderr is not None
        while line := await asyncio.wait_for(self.process.stderr.readline(), _PATIENCE_S):
            self.errors += line.decode()
            entry: dict[str, Any] = json.loads(line) if line.startswith(b"{") else {}
            if entry.get("message") == message:
                return entry
        raise AssertionError(f"no log line {message!r} in:\n{self.errors}")

    async def all_errors(self) -> str:
        """Everything on stderr until the end."""
        assert self.process.stderr is not None
        self.errors += (await asyncio.wait_for(self.process.stderr.read(), _PATIENCE_S)).decode()
        return self.errors

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait for its exit code."""
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), _PATIENCE_S)


def stub_of(channel: Any) -> Any:
    return stubs.RiskEngineStub(channel)


def channel_to(address: str) -> Any:
    """A channel with connections of its own, so that channels spread over workers."""
    return grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


def children_of(pid: int) -> set[int]:
    """Processes started by `pid` that still run."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(word) for word in text.split()}


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Any, within_s: float) -> float:
    """Seconds until `condition()` held; fails after `within_s`."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    while not condition():
        assert loop.time() - start < within_s, f"not within {within_s} s"
        await asyncio.sleep(0.01)  # polling another process
    return loop.time() - start


async def get(port: int, path: str) -> tuple[int, str]:
    """Status and text of a page over HTTP."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    head, _, text = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), text


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def rules_health(address: str) -> int:
    """What gRPC health says of the service `rules`."""
    async with channel_to(address) as channel:
        check: Any = health_pb2_grpc.HealthStub(channel).Check
        answer = await check(health_pb2.HealthCheckRequest(service=RULES), timeout=5)
        return int(answer.status)
