"""Limit rules compiled: which of them count a request."""

from collections.abc import Callable, Mapping, Sequence

from riskengine.inspection import Inspection
from riskengine.origin.matching import origin_test
from riskengine.ruleset.limits import LimitMatch, LimitRule
from riskengine.ruleset.override_files import Overrides
from riskengine.ruleset.path_patterns import PathPatterns
from riskengine.stages.attribute_patterns import read_attribute_patterns
from riskengine.stages.limit import Limit
from riskengine.stages.limit_set import LimitSet

_REMEMBERED_MAX = 16_384
_REMEMBERED_PATH_MAX = 256  # a cache keyed by what strangers send needs short keys


class LimitPlan:
    """Finds the limits that count a request."""

    def __init__(
        self,
        rules: Sequence[LimitRule],
        overrides: Mapping[str, Overrides],
        hash_of: Callable[[str], int] = hash,
    ) -> None:
        """`hash_of` spreads keys for estimates; one that is the same everywhere suits replay."""
        self.limits = tuple(
            Limit(rule, _read_applies(rule.match), overrides.get(rule.id, {}), hash_of)
            for rule in _most_specific_first(rules)
            if rule.mode != "disabled"
        )
        self._limits = [(_match_place(limit.rule.match), limit) for limit in self.limits]
        self._remembered: dict[tuple[str, str, str], LimitSet] = {}
        self._sets: dict[tuple[str, tuple[Limit, ...]], LimitSet] = {}

    def limits_at(self, inspection: Inspection) -> LimitSet:
        """The limits of a request's namespace, method and path; about 0.2 us when known."""
        request, path = inspection.request, inspection.normal.key
        place = (request.namespace, request.method, path)
        known = self._remembered.get(place)
        if known is not None:
            return known
        found = tuple(limit for matches, limit in self._limits if matches(inspection))
        if len(path) + len(request.method) > _REMEMBERED_PATH_MAX:
            return LimitSet(found)
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered.clear()
            self._sets.clear()
        limits = self._sets.setdefault((request.namespace, found), LimitSet(found))
        self._remembered[place] = limits
        return limits


def _most_specific_first(rules: Sequence[LimitRule]) -> list[LimitRule]:
    """The rules in their order, but those of a group among themselves by how much they match."""
    ordered = list(rules)
    for group in {rule.group for rule in rules if rule.group is not None}:
        places = [place for place, rule in enumerate(rules) if rule.group == group]
        members = sorted((rules[place] for place in places), key=_generality)
        for place, rule in zip(places, members, strict=True):
            ordered[place] = rule
    return ordered


def _generality(rule: LimitRule) -> tuple[int, int]:
    """Lower is more specific: more fields, then longer paths. Equal ones keep their order."""
    given = sum(bool(value) or value is False for _, value in rule.match)
    return -given, -min((len(path.partition("*")[0]) for path in rule.match.paths), default=0)


def _match_place(match: LimitMatch) -> Callable[[Inspection], bool]:
    methods, namespaces = frozenset(match.methods), frozenset(match.namespaces)
    routes, kinds = frozenset(match.routes), frozenset(match.kinds)
    paths = PathPatterns(match.paths)

    def matches(inspection: Inspection) -> bool:
        request, route = inspection.request, inspection.route
        return (
            (not methods or request.method in methods)
            and (not namespaces or request.namespace in namespaces)
            and (not routes or (route is not None and route.id in routes))
            and (not kinds or (route is not None and route.kind in kinds))
            and (not match.paths or paths.find(inspection.normal.key) is not None)
        )

    return matches


def _read_applies(match: LimitMatch) -> Callable[[Inspection], bool] | None:
    equals, meant = _read_equals(match), origin_test(match)
    if meant is None:
        return equals
    if equals is None:
        return lambda inspection: meant(inspection.origin)
    return lambda inspection: meant(inspection.origin) and equals(inspection)


def _read_equals(match: LimitMatch) -> Callable[[Inspection], bool] | None:
    headers = {name.lower(): value for name, value in match.headers.items()}.items()
    attributes = match.attributes.items()
    fits = read_attribute_patterns(match)
    if not headers and not attributes:
        return fits

    def equals(inspection: Inspection) -> bool:
        return (
            headers <= inspection.headers.by_name().items()
            and attributes <= inspection.request.attributes.items()
            and (fits is None or fits(inspection))
        )

    return equals
