"""The single checks of a request as a whole: each looks at one thing and says what is wrong."""

import re
from collections.abc import Callable

from riskengine.normalize import NormalPath
from riskengine.percent import to_bytes
from riskengine.query import PARAMETERS_MAX, Query
from riskengine.request import Request
from riskengine.ruleset.path_patterns import PathPatterns
from riskengine.stages.parameter_findings import Finding, shown

PathProbe = Callable[[NormalPath], Finding | None]
QueryProbe = Callable[[Query], Finding | None]
RequestProbe = Callable[[Request], Finding | None]

CONTENT_LENGTH = re.compile(r"\d{1,19}", re.ASCII)

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def odd_path(oddities: tuple[str, ...]) -> PathProbe:
    """Finds the first of `oddities`, in their order."""

    def probe(normal: NormalPath) -> Finding | None:
        for oddity in oddities:
            if oddity in normal.oddities:
                detail = f"path has {oddity}: {shown(normal.raw)} reads {shown(normal.path)}"
                return Finding(f"path.{oddity}", detail)
        return None

    return probe


def forbidden_path(patterns: tuple[str, ...]) -> PathProbe:
    """Finds paths that fit one of `patterns`."""
    known = PathPatterns(patterns)

    def probe(normal: NormalPath) -> Finding | None:
        pattern = known.find(normal.key)
        if pattern is None:
            return None
        return Finding("path.forbidden", f"path {shown(normal.path)} is forbidden by {pattern}")

    return probe


def odd_query(oddities: tuple[str, ...]) -> QueryProbe:
    """Finds the first of `oddities`, in their order, and the parameter that has it."""

    def probe(query: Query) -> Finding | None:
        for oddity in oddities:
            if oddity in query.oddities:
                return Finding(f"query.{oddity}", _odd_parameter(query, oddity))
        return None

    return probe


def too_many_parameters(most: int) -> QueryProbe:
    """Finds queries of more than `most` parameters."""

    def probe(query: Query) -> Finding | None:
        if query.total <= most:
            return None
        return Finding(
            "parameter.count", f"query must have at most {most} parameters, got {query.total}"
        )

    return probe


def long_path(most: int) -> PathProbe:
    """Finds raw paths of more than `most` bytes."""
    return lambda normal: _too_large("path", _size(normal.raw), most)


def long_query(most: int) -> RequestProbe:
    """Finds raw queries of more than `most` bytes."""
    return lambda request: _too_large("query", _size(request.query), most)


def long_body(most: int) -> RequestProbe:
    """Finds bodies of more than `most` bytes, counted before anything was cut."""
    return lambda request: _too_large("body", request.body_size, most)


def long_headers(most: int) -> RequestProbe:
    """Finds headers of more than `most` bytes together, names and values."""

    def probe(request: Request) -> Finding | None:
        size = sum(_size(name) + _size(value) for name, value in request.headers)
        return _too_large("headers", size, most)

    return probe


def long_header(most: int) -> RequestProbe:
    """Finds a single header whose name and value have more than `most` bytes."""

    def probe(request: Request) -> Finding | None:
        for name, value in request.headers:
            size = _size(name) + _size(value)
            if size > most:
                return _too_large("header", size, most, f"header {shown(name)}")
        return None

    return probe


def header_control_character(request: Request) -> Finding | None:
    """Finds control characters but tab in names and values (RFC 9110 §5.5)."""
    for name, value in request.headers:
        if _CONTROL.search(name) or _CONTROL.search(value):
            detail = f"header {shown(name)} must be free of control characters, got {shown(value)}"
            return Finding("header.control_character", detail)
    return None


def duplicate_host(request: Request) -> Finding | None:
    """Finds more than one host, joined by a comma or not (RFC 9112 §3.2)."""
    hosts = [value for name, value in request.headers if name == "host"]
    if len(hosts) < 2 and "," not in "".join(hosts):
        return None
    return Finding("header.duplicate_host", f"host must be one, got {shown(', '.join(hosts))}")


def missing_host(request: Request) -> Finding | None:
    """Finds HTTP/1.1 requests without a host (RFC 9112 §3.2)."""
    if request.host or not request.http_version.endswith("1.1"):
        return None
    if any(name == "host" and value for name, value in request.headers):
        return None
    return Finding("header.missing_host", "host must be given with HTTP/1.1")


def conflicting_length(request: Request) -> Finding | None:
    """Finds bodies whose end two servers may see at different places (RFC 9112 §6.3)."""
    lengths = [value for name, value in request.headers if name == "content-length"]
    if len(set(lengths)) > 1 or any(not CONTENT_LENGTH.fullmatch(value) for value in lengths):
        detail = f"content-length must be one number, got {shown(', '.join(lengths))}"
        return Finding("header.conflicting_length", detail)
    if lengths and any(name == "transfer-encoding" for name, _ in request.headers):
        detail = "content-length and transfer-encoding must not both be given"
        return Finding("header.conflicting_length", detail)
    return None


HEADER_PROBES: dict[str, RequestProbe] = {
    "conflicting_length": conflicting_length,
    "duplicate_host": duplicate_host,
    "header_control_characters": header_control_character,
    "missing_host": missing_host,
}
"""The header checks by the name that rules give them."""


def method_finding(method: str, allowed: frozenset[str]) -> Finding:
    """The finding for a method that is not among `allowed`."""
    wanted = ", ".join(sorted(allowed))
    return Finding("method.not_allowed", f"method must be one of {wanted}, got {shown(method)}")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(to_bytes(text))


def _too_large(part: str, size: int, most: int, called: str = "") -> Finding | None:
    if size <= most:
        return None
    return Finding(f"size.{part}", f"{called or part} must be at most {most} bytes, got {size}")


def _odd_parameter(query: Query, oddity: str) -> str:
    for parameter in query.parameters:
        if oddity in parameter.oddities:
            name, value = shown(parameter.name), shown(parameter.value)
            return f"query parameter {name} has {oddity}, reads {value}"
    return f"query has {oddity}: only its first {PARAMETERS_MAX} parameters are read"
