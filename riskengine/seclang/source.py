"""SecLang text to directives: continuation lines, quotes, includes."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from riskengine.seclang.places import Place, Remark

_INCLUDE_DEPTH_MAX = 16
_FILE_MAX = 8 * 1024 * 1024
_ESCAPED = {"'": "\\'", '"': '\\"'}


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive with its arguments, quotes removed."""

    name: str
    arguments: tuple[str, ...]
    place: Place


@dataclass(slots=True)
class Source:
    """The directives of files and all they include, in order."""

    directives: list[Directive] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    contents: dict[Path, bytes] = field(default_factory=dict)
    """What was read, for the hash of the whole."""
    folders: set[Path] = field(default_factory=set)
    """Directories in which an Include looked for files, found or not."""


def read_files(paths: list[Path]) -> Source:
    """The directives of `paths` in that order. Never fails: what is wrong stands in `remarks`."""
    source = Source()
    for path in paths:
        _read_file(source, path, Place(path, 1), 0)
    return source


def split_arguments(text: str) -> list[str]:
    """The words of a directive; a quoted word keeps its spaces. ValueError on an open quote."""
    words: list[str] = []
    rest = text.strip()
    while rest:
        word, rest = _next_word(rest)
        words.append(word)
        rest = rest.lstrip()
    return words


def _read_file(source: Source, path: Path, included_at: Place, depth: int) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        source.remarks.append(_mistake(included_at, f"{path} cannot be read: {error.strerror}"))
        return
    if len(content) > _FILE_MAX:
        source.remarks.append(_mistake(included_at, f"{path} is larger than {_FILE_MAX} bytes"))
        return
    source.contents[path] = content
    for number, line in _joined_lines(content.decode("utf-8", "surrogateescape")):
        _read_line(source, line, Place(path, number), depth)


def _joined_lines(text: str) -> Iterator[tuple[int, str]]:
    """Every directive's line, continuation lines joined, with the number of its first line."""
    parts: list[str] = []
    start = 1
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.rstrip("\r")
        if not parts:
            start = number
            if stripped.lstrip().startswith("#"):
                continue
        if stripped.endswith("\\"):
            parts.append(stripped[:-1])
            continue
        yield start, "".join((*parts, stripped)).strip()
        parts = []
    if parts:
        yield start, "".join(parts).strip()


def _read_line(source: Source, line: str, place: Place, depth: int) -> None:
    if not line:
        return
    name, _, rest = line.partition(" ")
    try:
        arguments = split_arguments(rest)
    except ValueError as error:
        source.remarks.append(_mistake(place, f"{name}: {error}"))
        return
    if name.lower() in ("include", "includeoptional"):
        _include(source, name, arguments, place, depth)
        return
    source.directives.append(Directive(name, tuple(arguments), place))


def _include(source: Source, name: str, arguments: list[str], place: Place, depth: int) -> None:
    if len(arguments) != 1 or depth >= _INCLUDE_DEPTH_MAX:
        cause = f"{name} needs one file, and at most {_INCLUDE_DEPTH_MAX} includes may be nested"
        source.remarks.append(_mistake(place, cause))
        return
    wanted = place.path.parent / arguments[0]
    source.folders.add(wanted.parent)
    found = sorted(Path(path) for path in glob.glob(str(wanted)))  # noqa: PTH207 - absolute globs
    if not found and name.lower() == "include" and not glob.has_magic(arguments[0]):
        source.remarks.append(_mistake(place, f"no file {wanted}"))
    for path in found:
        _read_file(source, path, place, depth + 1)


def _next_word(text: str) -> tuple[str, str]:
    """The first word of `text` and what stands behind it."""
    quote = text[0]
    if quote not in _ESCAPED:
        word, _, rest = text.partition(" ")
        return word, rest
    end = 1
    while end < len(text) and text[end] != quote:
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise ValueError(f"a {quote} is opened and never closed")
    return text[1:end].replace(_ESCAPED[quote], quote), text[end + 1 :]


def _mistake(place: Place, cause: str) -> Remark:
    return Remark(place, 0, "mistake", cause)
