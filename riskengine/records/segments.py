"""The files of the decision log: appended to in blocks, closed by size and age, bounded in all."""

import datetime
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from riskengine.clock import Clock

_log = logging.getLogger("riskengine.records")

OPEN_SUFFIX = ".jsonl.open"
CLOSED_SUFFIX = ".jsonl"
_RETRY_S = 1.0


class Segments:
    """Writes one worker's segments into a directory that workers share.

    A segment is `decisions-<start>-<worker>-<number>.jsonl.open` while it grows and loses `.open`
    when it is closed. What a process left open when it died is closed by its successor. A write
    that fails is counted in lines and never raises: decisions matter more than their record.
    Not thread-safe: one thread writes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        worker: str,
        max_segment_bytes: int,
        max_segment_age_s: float,
        max_total_bytes: int,
    ) -> None:
        """`max_total_bytes` bounds all segments of all workers in `directory`."""
        self._directory = directory
        self._clock = clock
        self._worker = worker
        self._max_segment_bytes = max_segment_bytes
        self._max_segment_age_s = max_segment_age_s
        self._max_total_bytes = max_total_bytes
        self._fd = -1
        self._path = Path()
        self._size = 0
        self._opened_at = 0.0
        self._number = 0
        self._silent_until = float("-inf")
        self.written = 0
        """Lines that reached a file."""
        self.lost = 0
        """Lines that did not: no space, no permission, no directory."""
        self.removed = 0
        """Closed segments removed to stay below the disk cap."""
        self.failure = ""
        """Why writing fails right now; empty while it works."""

    def append(self, block: bytes, lines: int) -> None:
        """Append `lines` whole lines; on failure they are lost and counted."""
        now = self._clock.monotonic()
        if self.failure and now < self._silent_until:
            self.lost += lines
            return
        try:
            self._make_room(len(block))
            self._write(block)
        except OSError as error:
            self.lost += lines
            self._silent_until = now + _RETRY_S
            self._warn(error)
            return
        self.written += lines
        if self.failure:
            _log.warning("the decision log is being written again")
            self.failure = ""

    def close_when_old(self) -> None:
        """Close the segment that has reached its age; call it now and then."""
        if self._fd >= 0 and self._clock.monotonic() - self._opened_at >= self._max_segment_age_s:
            self.close()

    def close(self) -> None:
        """Close the segment; the next append opens another."""
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        _close_name(self._path)

    def _make_room(self, size: int) -> None:
        self.close_when_old()
        if self._fd >= 0 and self._size + size > self._max_segment_bytes and self._size:
            self.close()
        if self._fd < 0:
            self._open()

    def _open(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        if not self._number:
            self._close_leftovers()
        self._remove_oldest()
        start = datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC)
        self._number += 1
        name = f"decisions-{start:%Y%m%dT%H%M%S.%f}Z-{self._worker}-{self._number:06d}"
        self._path = self._directory / (name + OPEN_SUFFIX)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o640)
        self._size = 0
        self._opened_at = self._clock.monotonic()

    def _write(self, block: bytes) -> None:
        """All of `block`, or none of it: a half-written one is cut off again."""
        done = 0
        try:
            while done < len(block):
                done += os.write(self._fd, memoryview(block)[done:])
        except OSError:
            if done:
                os.ftruncate(self._fd, self._size)
            raise
        self._size += done

    def _close_leftovers(self) -> None:
        for path in self._directory.glob(f"decisions-*-{self._worker}-*{OPEN_SUFFIX}"):
            if worker_of(path) == self._worker:
                _close_name(path)

    def _remove_oldest(self) -> None:
        """Remove closed segments, oldest first, until a full new one fits below the cap."""
        segments = sorted(_sizes(self._directory))
        excess = sum(size for _, size, _ in segments)
        excess += self._max_segment_bytes - self._max_total_bytes
        for _, size, path in segments:
            if excess <= 0:
                return
            if path.name.endswith(CLOSED_SUFFIX):
                path.unlink(missing_ok=True)
                self.removed += 1
                excess -= size

    def _warn(self, error: OSError) -> None:
        """One warning an outage."""
        if not self.failure:
            _log.warning(
                "the decision log cannot be written, decisions go on without it",
                extra={"directory": str(self._directory), "problem": str(error)},
            )
        self.failure = str(error)


def worker_of(path: Path) -> str:
    """The worker in a segment's name; empty where the name is not one of ours."""
    parts = path.name.split(".jsonl")[0].split("-")
    return "-".join(parts[2:-1]) if parts[0] == "decisions" and len(parts) >= 4 else ""


def _close_name(path: Path) -> None:
    try:
        path.rename(path.with_name(path.name.removesuffix(".open")))
    except OSError as error:  # removed or closed by somebody else: nothing is lost by its name
        _log.debug("segment not renamed", extra={"path": str(path), "problem": str(error)})


def _sizes(directory: Path) -> Iterator[tuple[str, int, Path]]:
    """Start time, size and path of every segment of every worker."""
    for path in directory.glob("decisions-*.jsonl*"):
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            continue
        yield path.name, size, path
