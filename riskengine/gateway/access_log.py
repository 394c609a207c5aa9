"""The access log: one JSON object a line, written in batches, never waited for."""

import asyncio
import logging
import os
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.gateway")
_EVERY_S = 0.2
_WAITING_MAX = 65_536


class Visit(msgspec.Struct, kw_only=True):
    """One request as the access log tells it; filled as it goes along."""

    at: float
    """Seconds since the epoch; written as a time in UTC."""
    client_ip: str = ""
    method: str = ""
    host: str = ""
    path: str = ""
    """Without the query, which may hold what belongs in no log."""
    status: int = 499
    """499 where the client left before it had an answer."""
    bytes: int = 0
    latency_ms: float = 0.0
    verdict: str = ""
    """Empty where no decision was taken."""
    rule: str = ""
    reason: str = ""
    cause: str = ""
    """What went wrong behind the gateway, where that is why the request failed."""
    decision_id: str = ""
    request_id: str = ""
    service: str = ""
    endpoint: str = ""


class AccessLog:
    """Appends visits to a file, or to standard output."""

    def __init__(self, path: Path | None, *, fd: int = 1) -> None:
        """`path` is None for the open file `fd`, standard output.

        A file is opened anew for each batch, so that it may be moved away at any time. A batch is
        one write, so that several processes may share the file.
        """
        self._path = path
        self._fd = fd
        self._waiting: deque[Visit] = deque(maxlen=_WAITING_MAX)
        self._writing: asyncio.Task[None] | None = None
        self.dropped = 0

    def start(self) -> None:
        """Write from now on."""
        self._writing = spawn(self._write_on(), name="access log")

    def add(self, visit: Visit) -> None:
        """Note a visit; where the disk cannot follow, the oldest ones are lost and counted."""
        self.dropped += len(self._waiting) == _WAITING_MAX
        self._waiting.append(visit)

    async def close(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        await self._flush()

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            await asyncio.shield(self._flush())

    async def _flush(self) -> None:
        visits = list(self._waiting)
        self._waiting.clear()
        if not visits:
            return
        try:
            await asyncio.to_thread(self._append, visits)
        except OSError as error:
            self.dropped += len(visits)
            _log.error("access log lost", extra={"reason": str(error), "count": len(visits)})

    def _append(self, visits: list[Visit]) -> None:
        lines = b"".join(map(_line, visits))
        if self._path is None:
            _write(self._fd, lines)
            return
        with self._path.open("ab", buffering=0) as file:
            _write(file.fileno(), lines)


def _write(fd: int, lines: bytes) -> None:
    while lines:  # a pipe may take a part at a time
        lines = lines[os.write(fd, lines) :]


def _line(visit: Visit) -> bytes:
    told = msgspec.structs.asdict(visit)
    told["at"] = datetime.fromtimestamp(visit.at, UTC).isoformat(timespec="milliseconds")
    told["latency_ms"] = round(visit.latency_ms, 3)
    return msgspec.json.encode(told) + b"\n"
