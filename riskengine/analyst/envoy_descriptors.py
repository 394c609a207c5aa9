"""Reads descriptor files of envoyproxy/ratelimit, as its README and `src/config` define them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from riskengine.errors import RulesetError
from riskengine.ruleset.fields import Entry, show
from riskengine.ruleset.loader import sorted_messages
from riskengine.ruleset.validation import validate
from riskengine.ruleset.yaml_source import Document, Mistake, Place, read_document

_UNITS = ("second", "minute", "hour", "day", "week", "month", "year")
_BOOTSTRAP = {"admin", "static_resources", "dynamic_resources", "node"}


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _text(value: object) -> object:
    """A value as text: descriptor values such as 404 are often written without quotes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else value


Unit = Annotated[
    Literal["second", "minute", "hour", "day", "week", "month", "year"], BeforeValidator(_lower)
]
Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string"})]


class Replaced(Entry):
    """The name of a limit that gives way."""

    name: str = Field(min_length=1)


class RateLimit(Entry):
    """How much a descriptor may do."""

    unit: Unit | None = None
    requests_per_unit: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    unlimited: bool = False
    name: str = ""
    replaces: tuple[Replaced, ...] = ()

    @model_validator(mode="after")
    def _says_how_much(self) -> Self:
        if self.unlimited and self.unit is not None:
            raise ValueError("unlimited stands alone; remove unit and requests_per_unit, or it")
        if not self.unlimited and self.unit is None:
            raise ValueError(f"unit is missing; it must be one of {', '.join(_UNITS)}")
        if not self.unlimited and self.requests_per_unit is None:
            raise ValueError("requests_per_unit is missing; write 0 to refuse everything")
        if self.name and any(replaced.name == self.name for replaced in self.replaces):
            raise ValueError(f"replaces must not name the limit itself ({show(self.name)})")
        return self


class DescriptorEntry(Entry):
    """One entry of a descriptor, and those that may follow it."""

    key: str = Field(min_length=1)
    value: Text = ""
    rate_limit: RateLimit | None = None
    descriptors: tuple["DescriptorEntry", ...] | None = None
    shadow_mode: bool = False
    quota_mode: bool = False
    detailed_metric: bool = False
    value_to_metric: bool = False
    share_threshold: bool = False
    metadata: dict[str, Any] | None = None


class DescriptorFile(Entry):
    """The whole of a file."""

    domain: str = Field(min_length=1)
    descriptors: tuple[DescriptorEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """An entry of the tree, and where it was written."""

    entry: DescriptorEntry
    path: Path
    line: int
    children: tuple["Node", ...]

    @property
    def source(self) -> str:
        """`file:line`."""
        return f"{self.path}:{self.line}"

    @property
    def place(self) -> str:
        """The same without the directory, for a comment below the list of files."""
        return f"{self.path.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain with all of its descriptors, in the order of the files."""

    name: str
    nodes: tuple[Node, ...]


def read_domains(paths: Sequence[Path], *, merge: bool = False) -> list[Domain]:
    """The domains of some files, or RulesetError with every mistake in any of them.

    `merge` lets several files add to one domain (the service's `MERGE_DOMAIN_CONFIG`).
    """
    mistakes: list[Mistake] = []
    nodes: dict[str, list[Node]] = {}
    seen: dict[str, Path] = {}
    for path in paths:
        document = _read(path)
        file = validate(document, DescriptorFile)
        if file is not None:
            _check_domain(document, file, seen, merge=merge)
            nodes.setdefault(file.domain, []).extend(_nodes(document, file.descriptors, ()))
        mistakes += document.mistakes
    for found in nodes.values():
        mistakes += _repeated(found)
    if mistakes:
        raise RulesetError(sorted_messages(mistakes))
    return [Domain(name, tuple(found)) for name, found in nodes.items()]


def _read(path: Path) -> Document:
    try:
        document = read_document(path, path.read_bytes())
    except OSError as error:
        raise RulesetError([f"{path}:1: cannot be read: {error.strerror}"]) from None
    keys = document.value if isinstance(document.value, dict) else {}
    if "domain" not in keys and _BOOTSTRAP & set(keys):
        document.value = None
        document.mistakes.append(
            Mistake(path, 1, "is a configuration of Envoy itself; give the files with the limits")
        )
    return document


def _check_domain(
    document: Document, file: DescriptorFile, seen: dict[str, Path], *, merge: bool
) -> None:
    first = seen.setdefault(file.domain, document.path)
    if first != document.path and not merge:
        document.blame(
            ("domain",),
            f"domain {show(file.domain)} stands in {first} too; --merge-domains puts them together",
        )
    if not file.descriptors:
        document.blame(("descriptors",), "descriptors must be a list of at least 1 entry")


def _nodes(
    document: Document, entries: Sequence[DescriptorEntry] | None, place: Place
) -> Iterator[Node]:
    for index, entry in enumerate(entries or ()):
        at = (*place, "descriptors", index)
        children = tuple(_nodes(document, entry.descriptors, at))
        yield Node(entry, document.path, document.line_of(at), children)


def _repeated(nodes: Sequence[Node]) -> Iterator[Mistake]:
    first: dict[tuple[str, str], Node] = {}
    for node in nodes:
        known = first.setdefault((node.entry.key, node.entry.value), node)
        if known is not node:
            what = f"{node.entry.key}={node.entry.value}" if node.entry.value else node.entry.key
            yield Mistake(
                node.path, node.line, f"{show(what)} stands here twice, first at {known.source}"
            )
        yield from _repeated(node.children)
