"""Real Redis and Valkey servers that tests start, maltreat and end."""

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
from redis.asyncio import Redis

from riskengine.store.embedded import find_binary

HOST = "127.0.0.1"
_PATIENCE_S = 20.0


def binary_of(name: str) -> Path:
    """The server's binary; skips where the system's Redis is not installed."""
    if name == "valkey":
        return find_binary()
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("redis-server is not installed; `make deps` installs it")
    return Path(found)


def free_port() -> int:
    """A port of the loopback address that nobody uses; ten thousand above is free too."""
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
            if port > 50_000:
                continue
            try:
                bus.bind((HOST, port + 10_000))
            except OSError:
                continue
            return port


class Server:
    """One server on a port of its own, with nothing on disk that matters."""

    def __init__(self, binary: Path, directory: Path, *options: str, port: int = 0) -> None:
        self.port = port or free_port()
        self._directory = directory / str(self.port)
        self._command = [str(binary), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://{HOST}:{self.port}"

    async def start(self) -> Self:
        """Start it and wait until it answers; a second start brings it back on its port."""
        self._directory.mkdir(exist_ok=True)
        command = [*self._command, "--port", str(self.port), "--dir", str(self._directory)]
        command += ["--bind", HOST, "--save", "", "--loglevel", "warning"]
        self._process = subprocess.Popen(  # noqa: ASYNC220 - a moment, in a test
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await eventually(self._answers)
        return self

    async def ask(self, *words: str | int) -> Any:
        """The answer to one command."""
        async with Redis(host=HOST, port=self.port) as client:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call] # redis-py's signature

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """End it, whatever state it is in; idempotent."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.write(b"PING\r\n")
        answer = await reader.readline()
        writer.close()
        return answer.startswith((b"+PONG", b"-NOAUTH"))


class Sentinel(Server):
    """One sentinel that watches a master under the name `shop`."""

    def __init__(self, binary: Path, directory: Path, master: Server) -> None:
        super().__init__(binary, directory)
        self._directory.mkdir(exist_ok=True)
        path = self._directory / "sentinel.conf"
        path.write_text(
            f"port {self.port}\nbind {HOST}\ndir {self._directory}\n"
            f"sentinel monitor shop {HOST} {master.port} 1\n"
            "sentinel down-after-milliseconds shop 1000\n"
            "sentinel failover-timeout shop 4000\n"
        )
        self._command = [str(binary), str(path), "--sentinel"]

    async def start(self) -> Self:
        self._process = subprocess.Popen(  # noqa: ASYNC220 - a moment, in a test
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await eventually(self._answers)
        return self


async def eventually(
    happens: Callable[[], Awaitable[bool]], *, within_s: float = _PATIENCE_S
) -> None:
    """Wait for something that another process does; TimeoutError where it does not."""
    async with asyncio.timeout(within_s):
        while not await happens():  # noqa: ASYNC110 - other processes set no events
            await asyncio.sleep(0.01)


async def make_cluster(nodes: Sequence[Server]) -> None:
    """Join started nodes, the slots shared out evenly, all of them masters."""
    share = 16_384 // len(nodes)
    for number, node in enumerate(nodes):
        first = number * share
        last = 16_383 if node is nodes[-1] else first + share - 1
        await node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        await node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        await nodes[0].ask("CLUSTER", "MEET", HOST, node.port)

    async def formed() -> bool:
        for node in nodes:
            info: bytes = await node.ask("CLUSTER", "INFO")
            known = f"cluster_known_nodes:{len(nodes)}".encode()
            if b"cluster_state:ok" not in info or known not in info:
                return False
        return True

    await eventually(formed)


async def node_id(node: Server) -> str:
    answer: bytes = await node.ask("CLUSTER", "MYID")
    return answer.decode()
