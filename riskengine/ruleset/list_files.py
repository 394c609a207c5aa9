"""Reads the list files that address rules name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from riskengine.ruleset.addresses import AddressesFile, AddressSource
from riskengine.ruleset.fetch_record import fetched_at
from riskengine.ruleset.files_below import FilesBelow
from riskengine.ruleset.list_cache import ListCache
from riskengine.ruleset.network_set import NetworkSet
from riskengine.ruleset.yaml_source import Document


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
    """The list files of one rules directory, and what they say."""

    def __init__(self, directory: Path, cache: ListCache) -> None:
        self._cache = cache
        self.sources = FilesBelow(directory, "files", "lists")
        self.files: dict[str, NetworkSet] = {}
        """Networks of the lists that rules name by path."""
        self.lists: dict[str, LoadedList] = {}
        """Published lists by id."""

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
        if problem := self.sources.load(name):
            return problem
        content = self._cache.read(self.sources.contents[name], "plain")
        self.files[name] = content.networks
        self.sources.blame_lines(name, content.mistakes)
        return ""

    def _read_source(self, source: AddressSource) -> str:
        name = source.file
        if problem := self.sources.load(name):
            return problem
        raw = self.sources.contents[name]
        content = self._cache.read(raw, source.format, source.min_level)
        counted = source.unreadable == "count"
        if not counted:
            self.sources.blame_lines(name, content.mistakes)
        elif content.mistakes and not len(content.networks):
            self.sources.blame_lines(
                name, content.mistakes
            )  # a list of another kind, not one with odd lines
        self.lists[source.id] = LoadedList(
            source,
            content.networks,
            fetched_at(self.sources.path(name), raw),
            content.published_at,
            len(content.mistakes) if counted else 0,
        )
        return ""


def _source(entry: object) -> AddressSource | None:
    """The entry where it can be read; what is wrong with it is told by the file's own check."""
    try:
        return AddressSource.model_validate(entry)
    except ValidationError:
        return None
