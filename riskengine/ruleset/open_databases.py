"""Opens MMDB files and reads facts about addresses out of them, whatever their schema is."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb

from riskengine.ruleset.databases import Database

_TRIED = 1_000
"""Records that are read when a file is opened: enough to notice one that is damaged or cut."""

_LATEST = 253_402_300_800  # the year 10000, seconds since the epoch

Step = str | int


class DatabaseFacts(NamedTuple):
    """What one database says about an address."""

    country: str = ""
    asn: int | None = None
    tags: frozenset[str] = frozenset()


class OpenDatabase:
    """An MMDB file ready to be asked, about 1 us a look-up. Replace the file by renaming."""

    def __init__(self, rule: Database, path: Path) -> None:
        """ValueError says what is wrong with the file."""
        self.rule = rule
        self.path = path
        self._reader = _open(path)
        metadata = self._reader.metadata()
        self.kind = metadata.database_type
        self.built_at = float(metadata.build_epoch)
        """Seconds since the epoch."""
        self.fingerprint = f"{self.kind} {metadata.build_epoch} {metadata.node_count}"
        self._wide = metadata.ip_version == 6
        self._countries = [_steps(path) for path in rule.country]
        self._asns = [_steps(path) for path in rule.asn]
        self._tags = [(tag, *_condition(path)) for tag, path in rule.tags.items()]

    def facts(self, address: str) -> DatabaseFacts:
        """What the file says about an address; ValueError where its record is damaged."""
        if ":" in address and not self._wide:
            return DatabaseFacts()
        try:
            record = self._reader.get(address)
        except (maxminddb.InvalidDatabaseError, UnicodeDecodeError, OverflowError) as error:
            raise ValueError(f"{self.path} is damaged: {error}") from None
        if record is None:
            return DatabaseFacts()
        return DatabaseFacts(
            next((c for steps in self._countries if (c := _country(_walk(record, steps)))), ""),
            next(
                (n for steps in self._asns if (n := _number(_walk(record, steps))) is not None),
                None,
            ),
            frozenset(tag for tag, steps, value in self._tags if _holds(record, steps, value)),
        )

    def is_stale(self, now: float) -> bool:
        """Whether it was built longer ago than it may have been."""
        age_max = self.rule.max_age
        return age_max is not None and now - self.built_at > age_max


def _open(path: Path) -> maxminddb.Reader:
    if not path.is_file():
        raise ValueError(f"must name an MMDB file that exists; {path} does not")
    try:
        reader = maxminddb.open_database(path)
        _try_out(reader)
    except (maxminddb.InvalidDatabaseError, OSError, OverflowError, UnicodeDecodeError) as error:
        told = str(error).replace(f" ({path})", "")
        raise ValueError(f"must name a whole MMDB file; {path} is damaged: {told}") from None
    return reader


def _try_out(reader: maxminddb.Reader) -> None:
    if reader.metadata().build_epoch >= _LATEST:
        raise maxminddb.InvalidDatabaseError("its build date is behind the year 9999")
    try:
        for _ in islice(reader, _TRIED):
            pass
    except UnicodeDecodeError:
        raise
    except ValueError:  # maxminddb cannot walk a file without IPv4 networks, but looks up in it
        pass


def _steps(path: str) -> list[Step]:
    return [int(part) if part.isdigit() else part for part in path.split(".")]


def _condition(path: str) -> tuple[list[Step], str | None]:
    way, equals, value = path.partition("=")
    return _steps(way), value if equals else None


def _walk(record: Any, steps: Sequence[Step]) -> Any:  # noqa: ANN401 - whatever the vendor stores
    """What stands at the end of a path; None where it leads nowhere."""
    for step in steps:
        if isinstance(record, dict):
            record = record.get(str(step))
        elif isinstance(record, list) and isinstance(step, int) and step < len(record):
            record = record[step]
        else:
            return None
    return record


def _country(value: object) -> str:
    if isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha():
        return value.upper()
    return ""


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        digits = value.upper().removeprefix("AS")
        if digits.isascii() and digits.isdigit() and len(digits) < 11:
            return int(digits)
    return None


def _holds(record: object, steps: Sequence[Step], value: str | None) -> bool:
    found = _walk(record, steps)
    if value is not None:
        return not isinstance(found, dict | list) and str(found).lower() == value.lower()
    if isinstance(found, str):
        return found.lower() not in ("", "0", "false", "no", "-")
    return bool(found)
