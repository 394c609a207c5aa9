"""Multipart forms (RFC 7578), with every oddity that ModSecurity has a name for."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from riskengine.seclang.bodies_contract import ARGUMENTS_MAX, BodyError, BodyValues, Pair

_BOUNDARY = re.compile(rb'boundary(\s*)=(\s*)(?:"([^"]*)"|([^\s;,"]*))', re.IGNORECASE)
_BOUNDARY_MAX = 70
_HEADER_END = re.compile(rb"\r?\n(?:\r?\n|\Z)|\A\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_PARAMETER = re.compile(rb';\s*+([\w*-]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^";\s]*+)\s*+', re.DOTALL)
_UNQUOTED = re.compile(rb'\\(["\\])')


class _Problem(NamedTuple):
    error: BodyError = ""
    detail: str = ""


class _Part(NamedTuple):
    headers: bytes
    content: bytes


def parse_multipart(content_type: bytes, body: bytes) -> BodyValues:
    """Fields as arguments, files by name and size, the headers of each part, and flags.

    With an `error`, the whole body is one more argument (`multipart`), so that what a laxer reader
    would find in it is inspected.
    """
    flags: set[str] = set()
    boundary, problem = _boundary(content_type, flags)
    if problem.error:
        return _values(_Form(flags), body, problem)
    form = _Form(flags)
    parts, problem = _parts(body, boundary, flags)
    for part in parts:
        problem = form.add(part) or problem
    return _values(form, body, problem)


def _values(form: "_Form", body: bytes, problem: _Problem) -> BodyValues:
    whole = [(b"multipart", body)] if problem.error else []
    strict = {"MULTIPART_STRICT_ERROR"} if form.flags or problem.error else set()
    return BodyValues(
        "MULTIPART",
        arguments=tuple(form.arguments + whole),
        files=tuple(form.files),
        file_sizes=tuple(form.sizes),
        part_headers=tuple(form.headers),
        flags=frozenset(form.flags | strict),
        error=problem.error,
        detail=problem.detail,
    )


def _boundary(content_type: bytes, flags: set[str]) -> tuple[bytes, _Problem]:
    media, semicolon, parameters = content_type.partition(b";")
    if not semicolon and b"boundary" in media.lower():
        flags.add("MULTIPART_MISSING_SEMICOLON")
        parameters = media
    found = _BOUNDARY.findall(parameters)
    if len(found) != 1:
        return b"", _Problem("malformed", f"{len(found)} boundaries in the content type")
    before, after, quoted, plain = found[0]
    if before or after:
        flags.add("MULTIPART_BOUNDARY_WHITESPACE")
    if quoted:
        flags.add("MULTIPART_BOUNDARY_QUOTED")
    boundary = quoted or plain
    if not 0 < len(boundary) <= _BOUNDARY_MAX:
        return b"", _Problem("malformed", f"a boundary has 1 to {_BOUNDARY_MAX} characters")
    return boundary, _Problem()


def _parts(body: bytes, boundary: bytes, flags: set[str]) -> tuple[list[_Part], _Problem]:
    """What stands between delimiter lines, and whether the last of them was there."""
    delimiter = re.compile(
        rb"(\A|\r?\n)--" + re.escape(boundary) + rb"(?:(--)[ \t]*(?:\r?\n|\Z)|[ \t]*(\r?\n))"
    )
    parts: list[_Part] = []
    start, final = -1, False
    for found in _delimiters(delimiter, body):
        _note_lines(found, flags)
        if start < 0 and body[: found.start()].strip():
            flags.add("MULTIPART_DATA_BEFORE")
        if start >= 0:
            parts.append(_part(body[start : max(start, found.start())], flags))
        start, final = found.end(), bool(found[2])
        if final or len(parts) > ARGUMENTS_MAX:
            break
    if final and body[start:].strip():
        flags.add("MULTIPART_DATA_AFTER")
    if len(parts) > ARGUMENTS_MAX:
        return parts[:ARGUMENTS_MAX], _Problem("too_many", f"more than {ARGUMENTS_MAX} parts")
    if not final:
        return parts, _Problem("malformed", "the final boundary is missing")
    return parts, _Problem()


def _delimiters(delimiter: re.Pattern[bytes], body: bytes) -> Iterator[re.Match[bytes]]:
    """The delimiter lines; the line end of one may be the beginning of the next."""
    found = delimiter.search(body)
    while found:
        yield found
        back = len(found[3]) if found[3] else 0
        found = delimiter.search(body, found.end() - back if back else found.end())


def _note_lines(found: re.Match[bytes], flags: set[str]) -> None:
    if found[1] == b"\n" or found[3] == b"\n":
        flags.add("MULTIPART_LF_LINE")
    if (found[1] == b"\r\n") and found[3] == b"\n":
        flags.add("MULTIPART_CRLF_LF_LINES")


def _part(data: bytes, flags: set[str]) -> _Part:
    end = _HEADER_END.search(data)
    if end is None:
        flags.add("MULTIPART_INVALID_PART")
        return _Part(data, b"")
    if b"\n--" in data[end.end() :]:
        flags.add("MULTIPART_UNMATCHED_BOUNDARY")
    return _Part(data[: end.start()], data[end.end() :])


class _Form:
    """Collects fields and files."""

    def __init__(self, flags: set[str]) -> None:
        self.flags = flags
        self.arguments: list[Pair] = []
        self.files: list[Pair] = []
        self.sizes: list[int] = []
        self.headers: list[Pair] = []

    def add(self, part: _Part) -> _Problem | None:
        """Read one part; a problem when it has no name."""
        lines = self._unfolded(part.headers)
        disposition = self._disposition(lines)
        names = self._parameters(disposition)
        name = names.get(b"name")
        self.headers.extend([(name or b"", line) for line in lines])
        if name is None:
            self.flags.add("MULTIPART_INVALID_PART")
            return _Problem("malformed", "a part has no name")
        filename = names.get(b"filename", names.get(b"filename*"))
        if filename is None:
            self.arguments.append((name, part.content))
        else:
            self.files.append((name, filename))
            self.sizes.append(len(part.content))
        return None

    def _unfolded(self, headers: bytes) -> list[bytes]:
        lines: list[list[bytes]] = []
        for line in _LINE_END.split(headers):
            if line[:1] in (b" ", b"\t") and lines:
                self.flags.add("MULTIPART_HEADER_FOLDING")
                lines[-1].append(line)
            elif line:
                lines.append([line])
        return [b"".join(pieces) for pieces in lines[:ARGUMENTS_MAX]]

    def _disposition(self, lines: list[bytes]) -> bytes:
        found = b""
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon:
                self.flags.add("MULTIPART_INVALID_PART")
            if name.strip().lower() == b"content-disposition":
                if found:
                    self.flags.add("MULTIPART_INVALID_PART")
                found = found or value.strip()
        return found

    def _parameters(self, disposition: bytes) -> dict[bytes, bytes]:
        """The parameters behind `form-data`; the first of two counts, and a flag tells."""
        names: dict[bytes, bytes] = {}
        at = len(disposition.partition(b";")[0])
        while found := _PARAMETER.match(disposition, at):
            name, value, at = found[1].lower(), found[2], found.end()
            if name in names or value.startswith(b"'"):
                self.flags.add("MULTIPART_INVALID_QUOTING")
            if value.startswith(b'"'):
                value = _UNQUOTED.sub(rb"\1", value[1:-1])
            names.setdefault(name, value)
        if disposition[at:].strip(b"; \t"):
            self.flags.add("MULTIPART_INVALID_QUOTING")
        return names
