"""Limits of their own for some values of a key, one a line: `acme 5000`.

A line holds the value of the key, white space, and the limit; several parts of a key stand with
commas between. `#` begins a comment. Reading 100 000 lines takes a tenth of a second, and a look-up
costs the same whatever their number is.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from riskengine.ruleset.fields import show
from riskengine.ruleset.files_below import FilesBelow
from riskengine.ruleset.limits import LIMIT_MAX, LimitsFile
from riskengine.ruleset.yaml_source import Document

_LINE = re.compile(r"(\S+)\s+([1-9][0-9]{0,9})", re.ASCII)

Overrides = Mapping[str, int]
"""Limit by the value of the key as it is written in the file."""


class OverrideFiles:
    """The override files of one rules directory, and what they say."""

    def __init__(self, directory: Path) -> None:
        self.sources = FilesBelow(directory, "overrides", "files")
        self.read_files: dict[str, Overrides] = {}

    def read(self, limits: Document) -> None:
        """Read every file that a limit names; whatever is wrong is noted there or here."""
        for place, name in limits.find("limits", "*", "overrides"):
            if isinstance(name, str) and name and (problem := self._read(name)):
                limits.blame(place, problem)

    def of(self, rules: LimitsFile) -> dict[str, Overrides]:
        """The overrides of each rule that has some, by its id."""
        return {
            rule.id: self.read_files[rule.overrides]
            for rule in rules.limits
            if rule.overrides in self.read_files
        }

    def _read(self, name: str) -> str:
        if name in self.read_files:
            return ""
        if problem := self.sources.load(name):
            return problem
        text = self.sources.contents[name].decode("utf-8-sig", "replace")
        self.read_files[name] = self._parse(name, text)
        return ""

    def _parse(self, name: str, text: str) -> Overrides:
        limits: dict[str, int] = {}
        wrong: list[tuple[int, str]] = []
        for line, value, limit in _entries(text):
            if limit is None or limit > LIMIT_MAX:
                wrong.append((line, _what_is_right(value)))
            elif value in limits:
                wrong.append((line, f"{show(value)} has a limit already; keep one"))
            else:
                limits[value] = limit
        self.sources.blame_lines(name, wrong)
        return limits


def _entries(text: str) -> Iterator[tuple[int, str, int | None]]:
    """Line, value and limit of each entry; no limit where the line cannot be read."""
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        match = _LINE.fullmatch(entry)
        yield (number, match[1], int(match[2])) if match else (number, entry, None)


def _what_is_right(entry: str) -> str:
    return f"must be a value of the key and a limit from 1 to {LIMIT_MAX}, got {show(entry)}"
