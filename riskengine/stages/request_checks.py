"""Checks of a request as a whole, compiled from the rules and grouped by what they look at."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from riskengine.decision import RuleHit
from riskengine.headers import ByHead, Head
from riskengine.inspection import Inspection
from riskengine.query import Query
from riskengine.ruleset.request_checks import (
    AllowedMethods,
    CheckRule,
    ForbiddenPaths,
    HeaderShape,
    ParameterCount,
    PathOddities,
    QueryOddities,
    RouteMethods,
    Size,
)
from riskengine.ruleset.routes import RouteTable
from riskengine.stages import request_probes as probes
from riskengine.stages.parameter_findings import Finding, Source

_ENDLESS = 1 << 62
_CONTROLS = bytes(code for code in range(0x20) if code != 0x09) + b"\x7f"

Subject = TypeVar("Subject")


class RequestChecks:
    """All enabled checks, by the part of the request that they look at."""

    def __init__(self, rules: Sequence[CheckRule], routes: RouteTable) -> None:
        self._routes = routes
        self._path: list[tuple[Source, probes.PathProbe]] = []
        self._query_text: list[tuple[Source, probes.RequestProbe]] = []
        self._query: list[tuple[Source, probes.QueryProbe]] = []
        self._headers: list[tuple[Source, probes.RequestProbe]] = []
        self._body: list[tuple[Source, probes.RequestProbe]] = []
        self._methods: list[tuple[Source, frozenset[str]]] = []
        self._route_methods: list[Source] = []
        self._header_bytes_max = _ENDLESS - 1
        self._room = ByHead(self._room_beside)
        for rule in rules:
            if rule.mode != "disabled":
                self._add(rule, Source(rule.id, rule.verdict, rule.observed))

    def url_hits(self, inspection: Inspection) -> list[RuleHit]:
        """What is wrong with the method, the path and the size of the query."""
        request = inspection.request
        hits = [*_hits(self._path, inspection.normal), *self._method_hits(inspection)]
        return hits + _hits(self._query_text, request) if request.query else hits

    def message_hits(self, inspection: Inspection) -> list[RuleHit]:
        """What is wrong with the headers and the size of the body."""
        request = inspection.request
        hits: list[RuleHit] = []
        if self._headers and request.headers_known and not self._headers_are_ordinary(inspection):
            hits += _hits(self._headers, request)
        if request.body_size:
            hits += _hits(self._body, request)
        return hits

    def query_hits(self, query: Query) -> list[RuleHit]:
        """What is wrong with a query as a whole."""
        return _hits(self._query, query)

    def _add(self, rule: CheckRule, source: Source) -> None:
        match rule:
            case PathOddities():
                self._path.append((source, probes.odd_path(rule.oddities)))
            case ForbiddenPaths():
                self._path.append((source, probes.forbidden_path(rule.paths)))
            case Size():
                self._add_size(rule, source)
            case QueryOddities():
                self._query.append((source, probes.odd_query(rule.oddities)))
            case ParameterCount():
                self._query.append((source, probes.too_many_parameters(rule.max)))
            case AllowedMethods():
                self._methods.append((source, frozenset(rule.methods)))
            case RouteMethods():
                self._route_methods.append(source)
            case HeaderShape():
                self._headers.append((source, probes.HEADER_PROBES[rule.check]))

    def _add_size(self, rule: Size, source: Source) -> None:
        match rule.of:
            case "path":
                self._path.append((source, probes.long_path(rule.max)))
            case "query":
                self._query_text.append((source, probes.long_query(rule.max)))
            case "body":
                self._body.append((source, probes.long_body(rule.max)))
            case "header":
                self._headers.append((source, probes.long_header(rule.max)))
                self._header_bytes_max = min(self._header_bytes_max, rule.max)
            case "headers":
                self._headers.append((source, probes.long_headers(rule.max)))
                self._header_bytes_max = min(self._header_bytes_max, rule.max)

    def _method_hits(self, inspection: Inspection) -> list[RuleHit]:
        method = inspection.request.method
        unknown = [
            source.hit(probes.method_finding(method, allowed))
            for source, allowed in self._methods
            if method not in allowed
        ]
        if unknown:
            return unknown
        # OPTIONS is how browsers ask a server what it permits (CORS): it belongs to no route.
        if inspection.route is not None or not self._route_methods or method == "OPTIONS":
            return []
        known = self._routes.methods(inspection.normal.key)
        finding = probes.method_finding(method, known)
        return [source.hit(finding) for source in self._route_methods] if known else []

    def _headers_are_ordinary(self, inspection: Inspection) -> bool:
        """True where no header check can find anything."""
        headers = inspection.headers
        if not (inspection.request.host or headers.head.by_name.get("host")):
            return False
        return _length("".join([value for _, value in headers.own])) <= self._room[headers.head]

    def _room_beside(self, head: Head) -> int:
        """Bytes that other values may have; below zero where a check may find something here."""
        by_name = head.by_name
        length = by_name.get("content-length")
        ordinary = (
            len(by_name) == len(head.pairs)
            and "transfer-encoding" not in by_name
            and (length is None or probes.CONTENT_LENGTH.fullmatch(length) is not None)
            and "," not in by_name.get("host", "")
        )
        return self._header_bytes_max - _length(head.text) if ordinary else -1


def _length(text: str) -> int:
    """Bytes of a text; without end where it has control characters.

    Deleting them from bytes takes half as long as `str.isprintable`, a fifth of a search.
    """
    data = text.encode("utf-8", "surrogatepass")
    size = len(data)
    return size if len(data.translate(None, _CONTROLS)) == size else _ENDLESS


def _hits(
    checks: Iterable[tuple[Source, Callable[[Subject], Finding | None]]], subject: Subject
) -> list[RuleHit]:
    return [
        source.hit(finding) for source, probe in checks if (finding := probe(subject)) is not None
    ]
