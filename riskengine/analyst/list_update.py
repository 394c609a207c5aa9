"""Fetches published lists anew: all or nothing, and never one that has suddenly shrunk."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from riskengine.analyst.fetching import Fetched
from riskengine.clock import Clock
from riskengine.errors import InputError
from riskengine.ruleset.addresses import AddressSource
from riskengine.ruleset.fetch_record import (
    FetchRecord,
    digest_of,
    fetched_at,
    read_record,
    replace_file,
    write_record,
)
from riskengine.ruleset.list_formats import read_list

Fetch = Callable[[str, Mapping[str, str]], Fetched]
"""Gets a URL with the headers given; InputError says why it cannot."""

Result = Literal["updated", "unchanged", "recent", "refused", "failed"]


class Updated(msgspec.Struct, frozen=True):
    """What became of one list."""

    name: str
    result: Result
    detail: str = ""
    before: int | None = None
    """Networks before; None where there was no readable list."""
    after: int | None = None


class _Held(NamedTuple):
    """The list as it stands on disk."""

    content: bytes
    networks: int | None
    fetched_at: float
    record: FetchRecord | None


class ListUpdate:
    """Updates lists of one rules directory."""

    def __init__(
        self,
        directory: Path,
        fetch: Fetch,
        clock: Clock,
        *,
        force: bool = False,
        if_older_s: float = 0.0,
    ) -> None:
        """`force` takes a list that has shrunk; lists younger than `if_older_s` are left alone."""
        self._directory = directory
        self._fetch = fetch
        self._clock = clock
        self._force = force
        self._if_older_s = if_older_s

    def update(self, source: AddressSource) -> Updated:
        """Fetch one list that has a `source`; what was there stays where anything is wrong."""
        held = self._held(source)
        if held is not None and self._is_recent(held):
            return Updated(source.id, "recent", "was fetched lately", held.networks, held.networks)
        try:
            return self._update(source, held)
        except InputError as error:
            return Updated(source.id, "failed", str(error), held and held.networks)
        except OSError as error:
            path = self._directory / source.file
            return Updated(source.id, "failed", f"{path}: {error.strerror}", held and held.networks)

    def _is_recent(self, held: _Held) -> bool:
        age_s = self._clock.now() - held.fetched_at
        return self._if_older_s > 0 and age_s < self._if_older_s

    def _update(self, source: AddressSource, held: _Held | None) -> Updated:
        fetched = self._fetch(source.source or "", _conditions(held))
        before = None if held is None else held.networks
        if fetched.unchanged:
            if held is None or held.record is None:
                raise InputError(f"{source.source}: not modified, but there is no list")
            self._note(source, held.record, held.content, fetched)
            return Updated(source.id, "unchanged", "", before, before)
        content = read_list(fetched.content, source.format, min_level=source.min_level)
        after = len(content.networks)
        if content.mistakes and (source.unreadable == "error" or not after):
            line, text = content.mistakes[0]
            told = f"{source.source}: line {line} {text}"
            more = f" (and {n - 1} more)" if (n := len(content.mistakes)) > 1 else ""
            return Updated(source.id, "failed", told + more, before, after)
        if problem := self._shrinking(source, before, after):
            return Updated(source.id, "refused", problem, before, after)
        record = FetchRecord(
            source=source.source or "", fetched_at=0.0, sha256=digest_of(b""), networks=after
        )
        same = held is not None and held.content == fetched.content
        if not same:
            replace_file(self._directory / source.file, fetched.content)
        self._note(source, record, fetched.content, fetched)
        return Updated(source.id, "unchanged" if same else "updated", "", before, after)

    def _shrinking(self, source: AddressSource, before: int | None, after: int) -> str:
        """Why a list of this size is not taken; empty where it is."""
        if self._force:
            return ""
        if not after:
            return "the list has no networks; --force takes it all the same"
        if before and after < source.min_share * before:
            return (
                f"{after} networks are less than {source.min_share:g} of the {before} before "
                "(min_share); --force takes it all the same"
            )
        return ""

    def _held(self, source: AddressSource) -> _Held | None:
        path = self._directory / source.file
        try:
            content = path.read_bytes()
            at = fetched_at(path, content)
        except OSError:
            return None
        read = read_list(content, source.format, min_level=source.min_level)
        networks = len(read.networks) or None
        record = read_record(path, content)
        if record is not None and record.source != source.source:
            record = None  # its validators are another server's
        return _Held(content, networks, at, record)

    def _note(
        self, source: AddressSource, record: FetchRecord, content: bytes, fetched: Fetched
    ) -> None:
        noted = msgspec.structs.replace(
            record,
            fetched_at=self._clock.now(),
            sha256=digest_of(content),
            etag=fetched.etag or record.etag,
            last_modified=fetched.last_modified or record.last_modified,
        )
        write_record(self._directory / source.file, noted)


def _conditions(held: _Held | None) -> dict[str, str]:
    """Headers that let a server answer that nothing has changed (RFC 9110, 13.1)."""
    if held is None or held.record is None:
        return {}
    record = held.record
    headers = {"If-None-Match": record.etag, "If-Modified-Since": record.last_modified}
    return {name: value for name, value in headers.items() if value}
