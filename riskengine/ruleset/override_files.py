"""Limits of their own for some values of a key, one a line: `acme 5000`.

A line holds the value of the key, white space, and the limit; several parts of a key stand with
commas between. `#` begins a comment. Reading 100 000 lines takes a tenth of a second, and a look-up
costs the same whatever their number is.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from riskengine.ruleset.fields import show
from riskengine.ruleset.limits import LIMIT_MAX, LimitsFile
from riskengine.ruleset.yaml_source import Document, Mistake

FILE_BYTES_MAX = 64 * 1024 * 1024
MISTAKES_MAX = 20
_LINE = re.compile(r"(\S+)\s+([1-9][0-9]{0,9})", re.ASCII)

Overrides = Mapping[str, int]
"""Limit by the value of the key as it is written in the file."""


class OverrideFiles:
    """The override files of one rules directory, and what is wrong with them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.contents: dict[str, bytes] = {}
        """Bytes of each file, by its path below the directory."""
        self.read_files: dict[str, Overrides] = {}
        self.mistakes: list[Mistake] = []

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
        path = self._directory / name
        try:
            if not path.resolve().is_relative_to(self._directory.resolve()):
                return f"overrides must name a file below the rules directory, got {show(name)}"
            content = path.read_bytes()
        except OSError as error:
            return f"overrides must name a file that can be read; {path}: {error.strerror}"
        except ValueError:  # a NUL or half a character
            return f"overrides must name a file by a plain path, got {show(name)}"
        if len(content) > FILE_BYTES_MAX:
            return f"{path} must be at most {FILE_BYTES_MAX} bytes long, is {len(content)}"
        self.contents[name] = content
        self.read_files[name] = self._parse(path, content.decode("utf-8-sig", "replace"))
        return ""

    def _parse(self, path: Path, text: str) -> Overrides:
        limits: dict[str, int] = {}
        wrong: list[Mistake] = []
        for line, value, limit in _entries(text):
            if limit is None or limit > LIMIT_MAX:
                wrong.append(Mistake(path, line, _what_is_right(value)))
            elif value in limits:
                wrong.append(Mistake(path, line, f"{show(value)} has a limit already; keep one"))
            else:
                limits[value] = limit
        self.mistakes += islice(wrong, MISTAKES_MAX)
        if len(wrong) > MISTAKES_MAX:
            more = f"and {len(wrong) - MISTAKES_MAX} more unreadable lines from here"
            self.mistakes.append(Mistake(path, wrong[MISTAKES_MAX].line, more))
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
