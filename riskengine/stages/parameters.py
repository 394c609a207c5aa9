"""Stage 2 of screening: does the request look like a request of this shop?"""

from collections.abc import Sequence
from functools import lru_cache

from riskengine.decision import RuleHit
from riskengine.inspection import Batch, Inspection
from riskengine.origin.matching import origin_test
from riskengine.query import EMPTY, parse_query
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.stages.request_checks import REMEMBERED_MAX, RequestChecks
from riskengine.stages.route_parameters import RouteParameters


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
        self._remembered_url_hits = lru_cache(maxsize=16_384)(self._url_hits)

    async def inspect(self, batch: Batch) -> None:
        """Leave a hit for each fault of each open request."""
        for inspection in batch.open:
            self._inspect(inspection)

    def _inspect(self, inspection: Inspection) -> None:
        hits = self._meant(self._checks.hits(inspection), inspection)
        inspection.hits += hits
        # What is refused already is not worth parsing, and may have been sent to make us parse.
        if hits and any(not hit.observed for hit in hits):
            return
        request = inspection.request
        route = self._routes.get(inspection.route.id) if inspection.route is not None else None
        if route is not None or request.query:
            short = len(request.path) + len(request.query) <= REMEMBERED_MAX
            url_hits = self._remembered_url_hits if short else self._url_hits
            found = url_hits(route, inspection.normal.path, request.query)
            inspection.hits += self._meant(found, inspection)
        if route is not None:
            found = tuple(map(route.source.hit, route.body_findings(inspection)))
            inspection.hits += self._meant(found, inspection)

    def _meant(self, hits: Sequence[RuleHit], inspection: Inspection) -> Sequence[RuleHit]:
        """The hits of rules that mean requests of this origin: what is found is kept by URL."""
        if not hits or not self._origins:
            return hits
        tests, origin = self._origins, inspection.origin
        return [hit for hit in hits if (test := tests.get(hit.rule_id)) is None or test(origin)]

    def _url_hits(
        self, route: RouteParameters | None, path: str, raw_query: str
    ) -> tuple[RuleHit, ...]:
        """What is wrong with a URL. A shop's URLs come again and again, so answers are kept."""
        query = parse_query(raw_query) if raw_query else EMPTY
        hits = self._checks.query_hits(query) if raw_query else []
        if route is not None:
            hits += map(route.source.hit, route.url_findings(path, query))
        return tuple(hits)
