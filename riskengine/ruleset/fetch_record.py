"""The note beside a fetched list: where it came from, when, and what exactly it was."""

import hashlib
import os
import tempfile
from pathlib import Path

import msgspec


class FetchRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `riskengine lists update` remembers about a list."""

    source: str
    fetched_at: float
    """When it was last known to be what its publisher ships, seconds since the epoch."""
    sha256: str
    networks: int
    etag: str = ""
    last_modified: str = ""


def record_path(path: Path) -> Path:
    """Where the note about the list at `path` stands."""
    return path.with_name(path.name + ".fetched.json")


def digest_of(content: bytes) -> str:
    """What tells whether a note is about this content."""
    return hashlib.sha256(content).hexdigest()


def read_record(path: Path, content: bytes) -> FetchRecord | None:
    """The note about the list at `path`; None where there is none about this very content."""
    try:
        record = msgspec.json.decode(record_path(path).read_bytes(), type=FetchRecord)
    except (OSError, msgspec.DecodeError):
        return None
    return record if record.sha256 == digest_of(content) else None


def write_record(path: Path, record: FetchRecord) -> None:
    """Put the note beside the list at `path`, whole or not at all."""
    replace_file(record_path(path), msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def replace_file(path: Path, content: bytes) -> None:
    """Write `path` so that everybody reads either all that was there or all that is new."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def fetched_at(path: Path, content: bytes) -> float:
    """When a list was fetched: by its note, or else when its file was written."""
    record = read_record(path, content)
    return path.stat().st_mtime if record is None else record.fetched_at
