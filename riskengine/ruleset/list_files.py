"""Reads the list files that address rules name."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from riskengine.ruleset.addresses import AddressesFile, AddressSource
from riskengine.ruleset.fetch_record import fetched_at
from riskengine.ruleset.fields import show
from riskengine.ruleset.list_cache import ListCache
from riskengine.ruleset.list_formats import ListContent
from riskengine.ruleset.network_set import NetworkSet
from riskengine.ruleset.yaml_source import Document, Mistake

LIST_BYTES_MAX = 64 * 1024 * 1024
MISTAKES_MAX = 20
"""Most lines of one list that are reported: a list of another kind is wrong in every line."""


@dataclass(frozen=True, slots=True)
class LoadedList:
    """A published list as it was read."""

    source: AddressSource
    networks: NetworkSet
    fetched_at: float
    """Seconds since the epoch."""
    published_at: float | None = None
    """When its publisher made it, where it says so."""
    unreadable: int = 0
    """Lines that were left out, with `unreadable: count`."""

    def is_stale(self, now: float) -> bool:
        """Whether it was fetched longer ago than it may be."""
        age_max = self.source.max_age
        return age_max is not None and now - self.fetched_at > age_max


class ListFiles:
    """The list files of one rules directory. Holds what was read, and what is wrong with it."""

    def __init__(self, directory: Path, cache: ListCache) -> None:
        self._directory = directory
        self._cache = cache
        self.contents: dict[str, bytes] = {}
        """Bytes of each list, by its path below the directory."""
        self.files: dict[str, NetworkSet] = {}
        """Networks of the lists that rules name by path."""
        self.lists: dict[str, LoadedList] = {}
        """Published lists by id."""
        self.mistakes: list[Mistake] = []

    def read(self, addresses: Document) -> None:
        """Read every list that the file names; whatever is wrong is noted there or here."""
        for key in ("allowlists", "blocklists"):
            for place, name in addresses.find(key, "*", "files", "*"):
                if isinstance(name, str) and name and (problem := self._read_file(name)):
                    addresses.blame(place, problem)
        for place, entry in addresses.find("lists", "*"):
            source = _source(entry)
            if source is not None and (problem := self._read_source(source)):
                addresses.blame((*place, "file"), problem)

    def used_by(self, rules: AddressesFile) -> Mapping[str, LoadedList]:
        """The published lists in the order of the file."""
        return {source.id: self.lists[source.id] for source in rules.lists}

    def _read_file(self, name: str) -> str:
        """Read a plain list unless it has been; what is wrong with naming it, else nothing."""
        if name in self.files:
            return ""
        if problem := self._load(name):
            return problem
        content = self._cache.read(self.contents[name], "plain")
        self.files[name] = content.networks
        self._blame_lines(name, content)
        return ""

    def _read_source(self, source: AddressSource) -> str:
        name = source.file
        if problem := self._load(name):
            return problem
        raw = self.contents[name]
        content = self._cache.read(raw, source.format, source.min_level)
        counted = source.unreadable == "count"
        if not counted:
            self._blame_lines(name, content)
        elif content.mistakes and not len(content.networks):
            self._blame_lines(name, content)  # a list of another kind, not one with odd lines
        self.lists[source.id] = LoadedList(
            source,
            content.networks,
            fetched_at(self._directory / name, raw),
            content.published_at,
            len(content.mistakes) if counted else 0,
        )
        return ""

    def _load(self, name: str) -> str:
        """Have the bytes of a list; what is wrong with naming it, else nothing."""
        if name in self.contents:
            return ""
        path = self._directory / name
        try:
            if not path.resolve().is_relative_to(self._directory.resolve()):
                return f"files must name lists below the rules directory, got {show(name)}"
            if not path.is_file():
                return f"files must name lists that exist; {path} does not"
            content = path.read_bytes()
        except OSError as error:
            return f"files must name lists that can be read; {show(name)}: {error.strerror}"
        except ValueError:  # a NUL or half a character
            return f"files must name lists by plain paths, got {show(name)}"
        if len(content) > LIST_BYTES_MAX:
            return f"{path} must be at most {LIST_BYTES_MAX} bytes long, is {len(content)}"
        self.contents[name] = content
        return ""

    def _blame_lines(self, name: str, content: ListContent) -> None:
        path, wrong = self._directory / name, content.mistakes
        for line, text in islice(wrong, MISTAKES_MAX):
            self.mistakes.append(Mistake(path, line, text))
        if len(wrong) > MISTAKES_MAX:
            line, more = wrong[MISTAKES_MAX][0], len(wrong) - MISTAKES_MAX
            self.mistakes.append(Mistake(path, line, f"and {more} more unreadable lines from here"))


def _source(entry: object) -> AddressSource | None:
    """The entry where it can be read; what is wrong with it is told by the file's own check."""
    try:
        return AddressSource.model_validate(entry)
    except ValidationError:
        return None
