"""Keeps compiled databases on disk, so that a start takes milliseconds instead of seconds.

A database is native data that is used as it lies there: the directory and the files belong to the
user who serves and nobody else may write them, and a file whose hash is not right is compiled anew.
"""

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from riskengine.seclang.pattern_database import Compiled, Restricted, compile_database, digest_of
from riskengine.seclang.scan_patterns import Expressions

_HASH_BYTES = 32
_FILE_MAX = 256 * 1024 * 1024


class _Stored(msgspec.Struct, frozen=True):
    data: bytes
    ids: tuple[int, ...]
    inexact: tuple[int, ...]
    restricted: tuple[Restricted, ...] = ()


class PatternCache:
    """Compiles patterns, or finds them compiled."""

    def __init__(
        self, directory: Path | None, *, on_compile: Callable[[int], None] = lambda _: None
    ) -> None:
        """Without a directory nothing is kept; `on_compile` is told of patterns to be compiled."""
        self._directory = directory
        self._on_compile = on_compile

    def compiled(self, expressions: Sequence[Expressions]) -> Compiled:
        """The database of `expressions`. A cache that cannot be used only costs time."""
        name = digest_of(expressions)
        found = self._read(name)
        if found is not None:
            return found
        self._on_compile(len(expressions))
        compiled = compile_database(expressions)
        self._write(name, compiled)
        return compiled

    def _read(self, name: str) -> Compiled | None:
        if self._directory is None or not _is_private(self._directory):
            return None
        path = self._directory / name
        try:
            if not _is_private(path) or path.stat().st_size > _FILE_MAX:
                return None
            content = path.read_bytes()
            digest, body = content[:_HASH_BYTES], content[_HASH_BYTES:]
            if hashlib.sha256(body).digest() != digest:
                return None
            stored = msgspec.msgpack.decode(body, type=_Stored)
        except (OSError, msgspec.MsgspecError):
            return None
        return Compiled(stored.data, stored.ids, stored.inexact, stored.restricted)

    def _write(self, name: str, compiled: Compiled) -> None:
        if self._directory is None:
            return
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(self._directory):
                return
            body = msgspec.msgpack.encode(_Stored(*compiled))
            with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as file:
                file.write(hashlib.sha256(body).digest() + body)
            Path(file.name).replace(self._directory / name)


def default_directory() -> Path:
    """`riskengine/patterns` where the user's caches are (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "riskengine" / "patterns"


def _is_private(path: Path) -> bool:
    """Whether it belongs to this user and nobody else may write it; a link does not count."""
    try:
        status = path.lstat()
    except OSError:
        return False
    writable = stat.S_IWGRP | stat.S_IWOTH
    kind = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return kind and status.st_uid == os.getuid() and not status.st_mode & writable
