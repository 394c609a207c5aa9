"""The parameters of one route, compiled: path captures, query, and body as form or JSON."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from riskengine.content_encoding import UNPACKED_MAX, Unpacked, content_encoding, unpack
from riskengine.inspection import Inspection
from riskengine.query import Parameter, Query, parse_query
from riskengine.ruleset.parameter_spec import ParameterSpec
from riskengine.ruleset.parameters import ParameterRoute
from riskengine.ruleset.routes import capture_places
from riskengine.stages.parameter_findings import Finding, Source, shown
from riskengine.stages.parameter_values import ValueCheck
from riskengine.stages.request_body import DEPTH_MAX, read_json

_FINDINGS_MAX = 8  # enough to explain a decision, too few to fill a log
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class RouteParameters:
    """Finds what does not fit a route. Made once for each ParameterRoute."""

    def __init__(self, route: ParameterRoute) -> None:
        self.source = Source(route.id, route.verdict, route.mode == "observe")
        self._route = route
        named = _compile("path", route.captures) or {}
        self._captures = [
            (place, named[name]) for place, name in capture_places(route) if name in named
        ]
        self._query = _compile("query", route.query)
        self._form = _compile("form", route.form)
        self._json = _compile("json", route.json_fields)
        self._content_types = route.content_types or self._readable_types()
        self.has_body = bool(self._content_types) or route.max_body is not None
        """Whether it says anything about bodies."""

    def url_findings(self, path: str, query: Query) -> list[Finding]:
        """What is wrong with the captures of a normal path and with a query; at most 8 findings."""
        parts: list[Iterable[Finding]] = []
        if self._captures:
            parts.append(self._capture_findings(path))
        if self._query is not None:
            parts.append(self._text_findings("query", self._query, query.parameters))
        return list(islice(chain.from_iterable(parts), _FINDINGS_MAX)) if parts else []

    def body_findings(self, inspection: Inspection) -> list[Finding]:
        """What is wrong with a body; at most 8 findings."""
        return list(islice(self._body_findings(inspection), _FINDINGS_MAX))

    def _capture_findings(self, path: str) -> Iterator[Finding]:
        segments = path[1:].split("/")
        for place, check in self._captures:
            finding = check.text(segments[place])
            if finding is not None:
                yield finding

    def _text_findings(
        self, where: str, checks: Mapping[str, ValueCheck], parameters: Iterable[Parameter]
    ) -> Iterator[Finding]:
        """What is wrong with parameters of a query or form."""
        seen: set[str] = set()
        for name, value, _ in parameters:
            check = checks.get(name)
            if check is None:
                yield from self._unknown(where, name)
                continue
            if name in seen and not check.spec.repeated:
                yield Finding("parameter.repeated", f"{check.called} must be given once")
            finding = check.text(value)
            if finding is not None:
                yield finding
            if not check.absent(value):
                seen.add(name)
        yield from _missing(checks, seen)

    def _body_findings(self, inspection: Inspection) -> Iterator[Finding]:
        request = inspection.request
        most = self._route.max_body
        if most is not None and request.body_size > most:
            yield Finding(
                "size.body", f"body must be at most {most} bytes, got {request.body_size}"
            )
            return
        if not self._content_types or (not request.body_size and not request.headers_known):
            return
        media = (inspection.headers.get("content-type") or "").partition(";")[0].strip().lower()
        if media and media not in self._content_types and request.body_size:
            wanted = ", ".join(self._content_types)
            yield Finding("body.content_type", f"body must be {wanted}, got {shown(media)}")
            return
        if request.body_size > len(request.body):
            here = f"only {len(request.body)} of {request.body_size} bytes are here"
            yield self._incomplete(here)
            return
        limit = UNPACKED_MAX if most is None else min(most, UNPACKED_MAX)
        unpacked = unpack(request.body, content_encoding(request.headers), limit=limit)
        if unpacked.fault:
            yield self._not_unpacked(unpacked)
            return
        yield from self._read_body(unpacked.body, media)

    def _not_unpacked(self, unpacked: Unpacked) -> Finding:
        most = self._route.max_body
        if unpacked.fault == "too_long" and most is not None and most <= UNPACKED_MAX:
            return Finding("size.body", f"body must be at most {most} bytes, also unpacked")
        if unpacked.fault == "malformed":
            return Finding("body.malformed", f"body cannot be unpacked: {unpacked.detail}")
        return self._incomplete(unpacked.detail)

    def _read_body(self, body: bytes, media: str) -> Iterator[Finding]:
        """What is wrong with a whole body, read as what it says it is."""
        multipart = media.startswith("multipart/")
        if self._form is not None and not multipart and (media == _FORM or self._json is None):
            yield from self._form_findings(self._form, parse_query(body))
        elif self._json is not None and not multipart and media != _FORM:
            yield from self._json_findings(self._json, body)
        elif self._form is not None or self._json is not None:
            yield self._incomplete(f"{media} is not read")

    def _form_findings(self, checks: Mapping[str, ValueCheck], form: Query) -> Iterator[Finding]:
        if "malformed_encoding" in form.oddities or "nul" in form.oddities:
            yield Finding("body.malformed", "form must be percent-encoded text without NUL")
        if not form.complete:
            yield self._incomplete("the form is longer than what is read")
            return
        yield from self._text_findings("form", checks, form.parameters)

    def _json_findings(self, checks: Mapping[str, ValueCheck], body: bytes) -> Iterator[Finding]:
        if not body:
            yield from _missing(checks, set())
            return
        read = read_json(body)
        if read.too_deep:
            yield Finding("body.too_deep", f"JSON must be nested at most {DEPTH_MAX} deep")
            return
        if read.problem or not isinstance(read.value, dict):
            yield Finding("body.malformed", read.problem or "body must be a JSON object")
            return
        for name in read.repeated:
            yield Finding("parameter.repeated", f"json member {shown(name)} must be given once")
        yield from self._member_findings(checks, read.value)

    def _member_findings(
        self, checks: Mapping[str, ValueCheck], members: dict[str, object]
    ) -> Iterator[Finding]:
        for name, value in members.items():
            if name in checks:
                yield from checks[name].json(value)
            else:
                yield from self._unknown("json", name)
        present = {name for name, value in members.items() if value is not None}
        yield from _missing(checks, present)

    def _unknown(self, where: str, name: str) -> Iterable[Finding]:
        if self._route.unknown == "allow":
            return ()
        detail = f"{where} parameter {shown(name)} is not one of this route"
        return (Finding("parameter.unknown", detail, self._route.unknown == "observe"),)

    def _incomplete(self, why: str) -> Finding:
        skipped = self._route.incomplete_body == "skip"
        outcome = "left unchecked" if skipped else "must be whole and plain"
        return Finding("body.incomplete", f"body {outcome}: {why}", skipped)

    def _readable_types(self) -> tuple[str, ...]:
        types = []
        if self._form is not None:
            types += [_FORM, "multipart/form-data"]
        if self._json is not None:
            types.append(_JSON)
        return tuple(types)


def _compile(
    where: str, parameters: Mapping[str, ParameterSpec] | None
) -> dict[str, ValueCheck] | None:
    if parameters is None:
        return None
    return {
        name: ValueCheck(spec, f"{where} parameter {shown(name)}")
        for name, spec in parameters.items()
    }


def _missing(checks: Mapping[str, ValueCheck], present: set[str]) -> Iterator[Finding]:
    for name, check in checks.items():
        if check.spec.required and name not in present:
            yield check.missing()
