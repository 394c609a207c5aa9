"""Reads YAML into plain values and remembers on which line each of them stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from riskengine.ruleset.fields import show

FILE_BYTES_MAX = 1024 * 1024
DEPTH_MAX = 32

Place = tuple[str | int, ...]


class Mistake(NamedTuple):
    """One thing to be put right in a file."""

    path: Path
    line: int
    """Counted from 1."""
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(slots=True)
class Document:
    """What a file says, where it says it, and what is wrong with its writing."""

    path: Path
    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def written(self, place: Place) -> Place:
        """The part of `place` that stands in the file.

        Steps that the file does not have are passed over: names of variants, and the index of an
        entry that was written without a list around it.
        """
        at: Place = ()
        for step in place:
            if (*at, step) in self.lines:
                at = (*at, step)
        return at

    def line_of(self, place: Place) -> int:
        """The line of `place`, or of the nearest thing around it that stands in the file."""
        return self.lines.get(self.written(place), 1)

    def find(self, *way: str) -> list[tuple[Place, Any]]:
        """Everything at the end of `way`, with its place; `*` is every entry of a list."""
        return list(_follow(self.value, way, ()))

    def blame(self, place: Place, text: str) -> None:
        """Note a mistake at `place`."""
        self.mistakes.append(Mistake(self.path, self.line_of(place), text))


def _follow(value: Any, way: tuple[str, ...], at: Place) -> Iterator[tuple[Place, Any]]:  # noqa: ANN401 - whatever the file says
    if not way:
        yield at, value
    elif way[0] == "*" and isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _follow(entry, way[1:], (*at, index))
    elif isinstance(value, dict) and way[0] in value:
        yield from _follow(value[way[0]], way[1:], (*at, way[0]))


def read_document(path: Path, content: bytes) -> Document:
    """The document in `content`; where it cannot be read, `mistakes` says why and value is None.

    YAML 1.2 core schema and no more: `off` and `1:30` are text. Anchors, aliases, tags and
    repeated keys are mistakes; size and depth are capped before they cost anything.
    """
    document = Document(path)
    try:
        document.value = _Reader(document).read(_decode(content))
    except _UnreadableError as error:
        document.value = None
        document.mistakes.append(Mistake(path, error.line, str(error)))
    return document


class _UnreadableError(Exception):
    """The rest of the file cannot be made sense of."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


# Thirty-three brackets in a row cost the parser most of a second before it reports the first.
_TOO_MANY_BRACKETS = re.compile(rf"(?:[\[{{]\s*){{{DEPTH_MAX + 1}}}")


def _decode(content: bytes) -> str:
    if len(content) > FILE_BYTES_MAX:
        raise _UnreadableError(
            1,
            f"must be at most {FILE_BYTES_MAX} bytes long, is {len(content)}; split the lists off",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _UnreadableError(
            line, f"must be UTF-8 text; byte 0x{content[error.start]:02x} is not"
        ) from None
    if deep := _TOO_MANY_BRACKETS.search(text):
        raise _too_deep(text.count("\n", 0, deep.start()) + 1)
    return text


def _too_deep(line: int) -> _UnreadableError:
    return _UnreadableError(line, f"must not be nested more than {DEPTH_MAX} levels deep")


class _Reader:
    """Builds plain values from the parser's events, one at a time."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._events: Iterator[Event] = iter(())

    def read(self, text: str) -> Any:  # noqa: ANN401 - whatever the file says
        self._events = _events(text)
        first = next(self._events, None)
        value = None if first is None else self._value(first, ())
        for _ in self._events:  # a second document, or rubbish behind the first, is found here
            pass
        if value is None:
            raise _UnreadableError(1, "is empty; remove the file or write rules into it")
        return value

    def _value(self, event: Event, place: Place) -> Any:  # noqa: ANN401
        _refuse_tricks(event)
        if len(place) > DEPTH_MAX:
            raise _too_deep(_line(event))
        self._document.lines.setdefault(place, _line(event))
        if isinstance(event, ScalarEvent):
            return event.value if event.style else _plain(event.value)
        if isinstance(event, MappingStartEvent):
            return self._mapping(place)
        return self._sequence(place)

    def _mapping(self, place: Place) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for event in self._until_end():
            _refuse_tricks(event)
            if not isinstance(event, ScalarEvent):
                raise _UnreadableError(_line(event), "a key must be a word, not a list or mapping")
            key = event.value
            at = (*place, key)
            known = self._document.lines.get(at)
            self._document.lines.setdefault(at, _line(event))
            value = self._value(next(self._events), at)
            if known is not None:
                self._blame(_line(event), f"{show(key)} stands here twice, first on line {known}")
            mapping.setdefault(key, value)
        return mapping

    def _sequence(self, place: Place) -> list[Any]:
        return [
            self._value(event, (*place, index)) for index, event in enumerate(self._until_end())
        ]

    def _until_end(self) -> Iterator[Event]:
        while not isinstance(event := next(self._events), CollectionEndEvent):
            yield event

    def _blame(self, line: int, text: str) -> None:
        self._document.mistakes.append(Mistake(self._document.path, line, text))


def _events(text: str) -> Iterator[Event]:
    """The events of the values in `text`; what the parser objects to becomes _UnreadableError."""
    documents = 0
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            documents += isinstance(event, DocumentStartEvent)
            if documents > 1:
                raise _UnreadableError(_line(event), "must hold one document; remove this `---`")
            if isinstance(event, NodeEvent | CollectionEndEvent):
                yield event
    except MarkedYAMLError as error:
        raise _in_plain_words(error) from None
    except YAMLError as error:  # the reader knows the position only
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise _UnreadableError(line, "holds a control character; remove it") from None


# What the parser says, and what that means to the one who wrote the file.
_PROBLEMS = (
    ("character '\\t'", "is indented with a tab; use spaces"),
    ("mapping values are not allowed",
     "has a ':' where none fits; check the indentation, or put the text in quotes"),
    ("escape character", "has a backslash that means nothing in double quotes; use single ones"),
    ("quoted scalar", "has a quoted text without its closing quote"),
    ("flow sequence", "has a list without its closing ']' or without a comma"),
    ("flow mapping", "has a mapping without its closing '}' or without a comma"),
    ("find expected ':'", "lacks a ':' after a key"),
    ("block mapping", "is not indented like the keys around it, or has a bracket too many"),
    ("block collection", "is not indented like the entries around it, or lacks a '-'"),
    ("cannot start any token",
     "has text that begins with a character of YAML's own; put the text in quotes"),
)  # fmt: skip


def _in_plain_words(error: MarkedYAMLError) -> _UnreadableError:
    told = f"{error.problem} {error.context}"
    opened_there = "quoted" in told or "flow" in told
    mark = (error.context_mark if opened_there else None) or error.problem_mark
    line = mark.line + 1 if mark else 1
    for sign, words in _PROBLEMS:
        if sign in told:
            return _UnreadableError(line, words)
    return _UnreadableError(line, f"is not readable as YAML: {error.problem}")


def _refuse_tricks(event: Event) -> None:
    """Stop at what makes a file mean more, or less, than it shows."""
    if isinstance(event, AliasEvent):
        raise _UnreadableError(_line(event), "aliases (*name) are not read; write the value out")
    if getattr(event, "anchor", None) is not None:
        raise _UnreadableError(_line(event), "anchors (&name) are not read; write the value out")
    if getattr(event, "tag", None) is not None:
        raise _UnreadableError(_line(event), "tags (!name) are not read; write the plain value")
    if isinstance(event, ScalarEvent) and any("\ud800" <= c <= "\udfff" for c in event.value):
        raise _UnreadableError(_line(event), "holds half a character (\\ud800 to \\udfff)")


def _line(event: Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark else 1


_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER = re.compile(
    r"[-+]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][-+]?[0-9]{1,2})?", re.ASCII
)


def _plain(text: str) -> str | int | float | bool | None:
    """An unquoted word, as YAML 1.2's core schema reads it; what looks odd stays text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
