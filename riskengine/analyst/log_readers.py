"""Reads traffic files of any known format, in order of time and in bounded memory."""

import gzip
import heapq
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from riskengine.analyst.access_log import read_access_line
from riskengine.analyst.json_log import read_decision_line, read_request_line
from riskengine.analyst.traffic import (
    FORMATS,
    LineCounts,
    Logged,
    LoggedOutcome,
    LoggedRequest,
    Malformed,
)
from riskengine.errors import InputError
from riskengine.records.segments import worker_of

LINE_BYTES_MAX = 1_048_576
"""Longer lines are malformed."""
LOOK_AHEAD = 4_096
"""An entry that stands at most this many entries behind its place is put in order."""

_PROBED_LINES = 50
_TEXT_MAX = 120
_SEGMENTS = "decisions-*.jsonl*"


class LogReader:
    """The entries of a file, a compressed file, or a directory of decision-log segments.

    Iterating yields them in order of time: entries up to LOOK_AHEAD places late are put in order,
    later ones count at the time of the entry before them. Malformed lines are counted and the
    first ones kept. The same input yields the same entries, always.
    """

    def __init__(self, path: Path, *, keep_malformed: int = 10) -> None:
        """Looks at the beginning; InputError when `path` is missing, empty or of no known kind."""
        self._files = _files(path)
        self.format = _detect(self._files, path)
        """One of `traffic.FORMATS`."""
        self.counts = LineCounts()
        self.malformed: list[Malformed] = []
        """The first `keep_malformed` of them, in the order in which they were met."""
        self._keep_malformed = keep_malformed
        self.total_bytes = sum(file.stat().st_size for file in self._files)
        self._bytes_done = 0
        self._reading: dict[Path, BinaryIO] = {}

    @property
    def position(self) -> int:
        """How many of `total_bytes` have been read, for a progress bar."""
        return self._bytes_done + sum(raw.tell() for raw in self._reading.values())

    def __iter__(self) -> Iterator[Logged]:
        streams = [
            _in_order(self._entries(files), self.counts) for files in _by_worker(self._files)
        ]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams, key=attrgetter("at"))

    def _entries(self, files: Iterable[Path]) -> Iterator[Logged]:
        read = _READERS[self.format]
        for path in files:
            for number, raw in self._lines(path):
                self.counts.lines += 1
                try:
                    entry = read(raw, number)
                except ValueError as error:
                    self._reject(path, number, raw, str(error))
                    continue
                if entry is None:
                    self.counts.without_request += 1
                    continue
                if isinstance(entry, LoggedRequest):
                    self.counts.requests += 1
                else:
                    self.counts.outcomes += 1
                yield entry

    def _lines(self, path: Path) -> Iterator[tuple[int, bytes]]:
        """Number and content of every line that is not blank."""
        number = 0
        with path.open("rb") as raw:
            self._reading[path] = raw
            try:
                for number, line in enumerate(_bounded_lines(_unpacked(raw)), 1):
                    if not line.isspace():
                        yield number, line
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.counts.lines += 1
                self._reject(path, number + 1, b"", f"the compressed file is damaged: {error}")
            del self._reading[path]
            self._bytes_done += path.stat().st_size

    def _reject(self, path: Path, number: int, raw: bytes, reason: str) -> None:
        if self.format == "decision-log" and raw and not raw.endswith(b"\n"):
            self.counts.cut += 1
            return
        self.counts.malformed += 1
        if len(self.malformed) < self._keep_malformed:
            text = raw.rstrip(b"\r\n").decode(errors="backslashreplace")[:_TEXT_MAX]
            self.malformed.append(Malformed(path.name, number, reason, text))


def raw_lines(path: Path) -> Iterator[tuple[Path, int, bytes]]:
    """File, number and content of every line as it stands; InputError without such a path."""
    for file in _files(path):
        with file.open("rb") as raw:
            try:
                for number, line in enumerate(_bounded_lines(_unpacked(raw)), 1):
                    yield file, number, line
            except (EOFError, zlib.error, gzip.BadGzipFile):
                continue  # what could be unpacked has been looked at


def _access_entry(raw: bytes, number: int) -> LoggedRequest | None:
    if len(raw) > LINE_BYTES_MAX:
        raise ValueError(_TOO_LONG)
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        line = raw.decode("latin-1")
    entry = read_access_line(line)
    if entry is None:
        return None
    request, outcome = entry
    return LoggedRequest(cast("float", request.received_at), number, request, None, outcome)


def _json_entry(read: Callable[[bytes, int], Logged]) -> Callable[[bytes, int], Logged]:
    def entry(raw: bytes, number: int) -> Logged:
        if len(raw) > LINE_BYTES_MAX:
            raise ValueError(_TOO_LONG)
        return read(raw, number)

    return entry


_TOO_LONG = f"longer than {LINE_BYTES_MAX} bytes"
_READERS: dict[str, Callable[[bytes, int], Logged | None]] = {
    "access-log": _access_entry,
    "requests": _json_entry(read_request_line),
    "decision-log": _json_entry(read_decision_line),
}


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.glob(_SEGMENTS))
        if not files:
            raise InputError(f"{path}: no decision log in this directory ({_SEGMENTS})")
        return files
    if not path.exists():
        raise InputError(f"{path}: no such file")
    return [path]


def _by_worker(files: Iterable[Path]) -> list[list[Path]]:
    """Files in order of time for each worker; a name that is not a segment's is its own worker."""
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(worker_of(file), []).append(file)
    return list(groups.values())


def _detect(files: list[Path], path: Path) -> str:
    """The format in which one of the first lines can be read."""
    first = ""
    for file in files:
        for raw in _first_lines(file):
            found = next((name for name in _READERS if _reads(name, raw)), None)
            if found is not None:
                return found
            first = first or raw[:_TEXT_MAX].decode(errors="backslashreplace").rstrip()
    if not first:
        raise InputError(f"{path}: is empty")
    known = ", ".join(FORMATS.values())
    raise InputError(f"{path}: of no known format ({known}); it begins with {first!r}")


def _first_lines(file: Path) -> list[bytes]:
    try:
        with file.open("rb") as raw:
            if raw.read(4) == b"PK\x03\x04":
                raise InputError(f"{file}: is a zip archive; unpack it first")
            raw.seek(0)
            lines = (line for line in _bounded_lines(_unpacked(raw)) if not line.isspace())
            return [line for line, _ in zip(lines, range(_PROBED_LINES), strict=False)]
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise InputError(f"{file}: the compressed file is damaged") from None


def _reads(name: str, raw: bytes) -> bool:
    try:
        _READERS[name](raw, 1)
    except ValueError:
        return False
    return True


def _unpacked(raw: BinaryIO) -> BinaryIO:
    """The content, whether or not it is compressed by gzip; told by its first bytes."""
    compressed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return cast("BinaryIO", gzip.open(raw)) if compressed else raw


def _bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends; of a line that is too long, the beginning alone."""
    while line := file.readline(LINE_BYTES_MAX + 1):
        yield line
        while len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
            line = file.readline(LINE_BYTES_MAX + 1)


def _in_order(entries: Iterator[Logged], counts: LineCounts) -> Iterator[Logged]:
    """Entries by time: sorted within a window that slides by half its length, then clamped."""
    latest = float("-inf")
    for entry in _sorted_nearby(entries):
        if entry.at >= latest:
            latest = entry.at
            yield entry
        else:
            counts.clamped += 1
            yield _at(latest, entry)


def _sorted_nearby(entries: Iterator[Logged]) -> Iterator[Logged]:
    window: list[Logged] = []
    while block := list(islice(entries, LOOK_AHEAD)):
        window += block
        window.sort(key=attrgetter("at"))
        yield from window[:-LOOK_AHEAD]
        window = window[-LOOK_AHEAD:]
    yield from window


def _at(moment: float, entry: Logged) -> Logged:
    """The entry, moved to `moment`."""
    if isinstance(entry, LoggedOutcome):
        return msgspec.structs.replace(entry, at=moment)
    request = msgspec.structs.replace(entry.request, received_at=moment)
    return msgspec.structs.replace(entry, at=moment, request=request)
