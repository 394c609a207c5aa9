"""Stage 2 of screening: does the request look like a request of this shop?"""

from collections.abc import Sequence

from riskengine.decision import RuleHit
from riskengine.inspection import Batch, Inspection
from riskengine.origin.matching import origin_test
from riskengine.query import EMPTY, parse_query
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.stages.request_checks import RequestChecks
from riskengine.stages.route_parameters import RouteParameters

_URLS_MAX = 16_384
_URL_LENGTH_MAX = 512  # a cache keyed by what strangers send needs short keys


class _Url:
    """What is wrong with a method, path and query."""

    __slots__ = ("checks", "parameters", "route")

    def __init__(self, checks: tuple[RuleHit, ...], route: RouteParameters | None) -> None:
        self.checks = checks
        self.route = route
        self.parameters: tuple[RuleHit, ...] | None = None
        """None until they were parsed."""


class ParametersStage:
    """Validates method, path, headers, query and body against rules/parameters.yaml. No I/O."""

    name = "parameters"
    dispensable = False

    def __init__(self, rules: ParametersFile, routes: RouteTable) -> None:
        """`routes` is the map by which the batch was made; its ids are those of `rules.routes`."""
        self._checks = RequestChecks(rules.checks, routes)
        self._routes = {
            route.id: RouteParameters(route) for route in rules.routes if route.mode != "disabled"
        }
        self._origins = {
            rule.id: test
            for rule in (*rules.checks, *rules.routes)
            if (test := origin_test(rule.match)) is not None
        }
        self._urls: dict[tuple[str, str, str], _Url] = {}

    async def inspect(self, batch: Batch) -> None:
        """Leave a hit for each fault of each open request."""
        for inspection in batch.open:
            self._inspect(inspection)

    def _inspect(self, inspection: Inspection) -> None:
        url = self._url(inspection)
        hits: Sequence[RuleHit] = [*url.checks, *self._checks.message_hits(inspection)]
        if hits:
            hits = self._meant(hits, inspection)
            inspection.hits += hits
            # What is refused is not worth parsing, and may have been sent to make us parse.
            if not all(hit.observed for hit in hits):
                return
        if url.parameters is None:
            url.parameters = self._parameter_hits(url.route, inspection)
        if url.parameters:
            inspection.hits += self._meant(url.parameters, inspection)
        if url.route is not None and url.route.has_body:
            found = tuple(map(url.route.source.hit, url.route.body_findings(inspection)))
            inspection.hits += self._meant(found, inspection)

    def _meant(self, hits: Sequence[RuleHit], inspection: Inspection) -> Sequence[RuleHit]:
        """The hits of rules that mean requests of this origin: what is found is kept by URL."""
        if not hits or not self._origins:
            return hits
        tests, origin = self._origins, inspection.origin
        return [hit for hit in hits if (test := tests.get(hit.rule_id)) is None or test(origin)]

    def _url(self, inspection: Inspection) -> _Url:
        """The request's URL. A shop's come again and again, so what was found out is kept."""
        request = inspection.request
        place = (request.method, request.path, request.query)
        known = self._urls.get(place)
        if known is not None:
            return known
        route = self._routes.get(inspection.route.id) if inspection.route is not None else None
        url = _Url(tuple(self._checks.url_hits(inspection)), route)
        if sum(map(len, place)) <= _URL_LENGTH_MAX:
            if len(self._urls) >= _URLS_MAX:
                self._urls.clear()
            self._urls[place] = url
        return url

    def _parameter_hits(
        self, route: RouteParameters | None, inspection: Inspection
    ) -> tuple[RuleHit, ...]:
        raw_query = inspection.request.query
        if not raw_query and route is None:
            return ()
        query = parse_query(raw_query) if raw_query else EMPTY
        hits = self._checks.query_hits(query) if raw_query else []
        if route is not None:
            hits += map(route.source.hit, route.url_findings(inspection.normal.path, query))
        return tuple(hits)
