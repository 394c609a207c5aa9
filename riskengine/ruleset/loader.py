"""Loads a rules directory: every file read, every mistake found, nothing skipped."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from riskengine.errors import RulesetError
from riskengine.ruleset.addresses import AddressesFile
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.bots import BotsFile
from riskengine.ruleset.cross_checks import check_ids, check_route_ids
from riskengine.ruleset.databases import Database
from riskengine.ruleset.explanations import nearest
from riskengine.ruleset.fields import Entry
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.list_cache import ListCache
from riskengine.ruleset.list_files import ListFiles
from riskengine.ruleset.open_databases import OpenDatabase
from riskengine.ruleset.origin_checks import check_list_ids, check_origin_words
from riskengine.ruleset.override_files import OverrideFiles
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.ruleset.ruleset import Ruleset
from riskengine.ruleset.signature_files import read_sources
from riskengine.ruleset.signatures import SignaturesFile
from riskengine.ruleset.validation import AnyEntry, validate
from riskengine.ruleset.yaml_source import Document, Mistake, read_document

RULE_FILES: Mapping[str, type[Entry]] = {
    "addresses.yaml": AddressesFile,
    "bots.yaml": BotsFile,
    "parameters.yaml": ParametersFile,
    "signatures.yaml": SignaturesFile,
    "limits.yaml": LimitsFile,
    "behavior.yaml": BehaviorFile,
}
"""What may stand in a rules directory; a file that is not there means: no such rules."""


def load_ruleset(directory: Path, cache: ListCache | None = None) -> Ruleset:
    """The rules in `directory`, or RulesetError with the mistakes of all files, in order.

    With the `cache` of the load before, lists that have not changed are not read anew.
    """
    if not directory.is_dir():
        raise RulesetError(
            [f"{directory}: no such directory; --rules names the one with the rules"]
        )
    cache = cache or ListCache()
    try:
        return _Load(directory, cache).ruleset()
    finally:
        cache.turn()


def load_sources(directory: Path) -> AddressesFile:
    """`addresses.yaml` alone, without reading any list: some may not have been fetched yet."""
    path = directory / "addresses.yaml"
    try:
        document = read_document(path, path.read_bytes())
    except OSError as error:
        raise RulesetError([f"{path}: cannot be read: {error.strerror}"]) from None
    rules = validate(document, AddressesFile)
    if rules is None:
        raise RulesetError(sorted_messages(document.mistakes))
    return rules


def sorted_messages(mistakes: list[Mistake]) -> list[str]:
    """Mistakes as lines to show, each once, by file and line."""
    return [str(mistake) for mistake in sorted(set(mistakes))]


class _Load:
    """One reading of a directory; every file is read once, so that hash and rules agree."""

    def __init__(self, directory: Path, cache: ListCache) -> None:
        self._directory = directory
        self._mistakes: list[Mistake] = []
        self._contents: dict[str, bytes] = {}
        self._lists = ListFiles(directory, cache)
        self._overrides = OverrideFiles(directory)
        self._documents = {path.name: self._read(path) for path in self._paths()}

    def ruleset(self) -> Ruleset:
        addresses = self._entry("addresses.yaml", AddressesFile)
        bots = self._entry("bots.yaml", BotsFile)
        parameters = self._entry("parameters.yaml", ParametersFile)
        signatures = self._entry("signatures.yaml", SignaturesFile)
        limits = self._entry("limits.yaml", LimitsFile)
        behavior = self._entry("behavior.yaml", BehaviorFile)
        if "addresses.yaml" in self._documents:
            self._lists.read(self._documents["addresses.yaml"])
        if "limits.yaml" in self._documents:
            self._overrides.read(self._documents["limits.yaml"])
        databases = tuple(self._open_databases(addresses.databases))
        check_ids(self._documents)
        check_route_ids(self._documents)
        check_list_ids(self._documents)
        check_origin_words(self._documents)
        self._raise_mistakes()
        sources = read_sources(signatures.sets, self._directory)
        return Ruleset(
            addresses=addresses,
            bots=bots,
            list_files=self._lists.files,
            lists=self._lists.used_by(addresses),
            databases=databases,
            parameters=parameters,
            signatures=signatures,
            limits=limits,
            behavior=behavior,
            routes=RouteTable(parameters.routes),
            revision=_revision(
                self._contents
                | self._lists.sources.contents
                | self._overrides.sources.contents
                | {one.rule.file: one.fingerprint.encode() for one in databases}
                | sources.contents
            ),
            directory=self._directory,
            signature_folders=sources.folders,
            overrides=self._overrides.of(limits),
        )

    def _paths(self) -> list[Path]:
        """The rule files that are there, in the order of the funnel; others are mistakes."""
        found = sorted((*self._directory.glob("*.yaml"), *self._directory.glob("*.yml")))
        for path in found:
            if path.name not in RULE_FILES:
                hint = nearest(path.name, list(RULE_FILES))
                self._mistakes.append(Mistake(path, 1, f"no rules are read from this file{hint}"))
        return [self._directory / name for name in RULE_FILES if self._directory / name in found]

    def _read(self, path: Path) -> Document:
        try:
            content = path.read_bytes()
        except OSError as error:
            self._mistakes.append(Mistake(path, 1, f"cannot be read: {error.strerror}"))
            return Document(path)
        self._contents[path.name] = content
        return read_document(path, content)

    def _entry(self, name: str, model: type[AnyEntry]) -> AnyEntry:
        """The file as `model`; an empty one when it is missing or its mistakes are noted."""
        document = self._documents.get(name)
        return (document and validate(document, model)) or model()

    def _open_databases(self, rules: tuple[Database, ...]) -> Iterator[OpenDatabase]:
        for at, rule in enumerate(rules):
            try:
                yield OpenDatabase(rule, self._directory / rule.file)
            except ValueError as error:
                place = ("databases", at, "file")
                self._documents["addresses.yaml"].blame(place, f"file {error}")

    def _raise_mistakes(self) -> None:
        mistakes = [*self._mistakes]
        for sources in (self._lists.sources, self._overrides.sources):
            mistakes += sources.mistakes
        for document in self._documents.values():
            mistakes += document.mistakes
        if mistakes:
            raise RulesetError(sorted_messages(mistakes))


def _revision(contents: Mapping[str, bytes]) -> str:
    """Twelve hex digits that change with any byte of any file."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        for part in (name.encode(), contents[name]):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
    return digest.hexdigest()[:12]
