"""Limit rules compiled: which of them count a request, and under which key."""

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b

from riskengine.inspection import Inspection
from riskengine.ruleset.limits import LimitMatch, LimitRule
from riskengine.ruleset.path_patterns import PathPatterns
from riskengine.stages.attribute_patterns import read_attribute_patterns

Reader = Callable[[Inspection], str | None]
"""Reads something of a request; None or empty where the request lacks it."""

_REMEMBERED_MAX = 16_384
_REMEMBERED_PATH_MAX = 256  # a cache keyed by what strangers send needs short keys
_PLAIN = re.compile(r"[A-Za-z0-9._@-]{1,48}", re.ASCII)
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


class Limit:
    """One rule, ready to count."""

    __slots__ = (
        "applies", "cost", "id", "limit", "observed", "rule", "subject", "suffix", "window_s",
        "window_text", "window_us",
    )  # fmt: skip

    def __init__(self, rule: LimitRule) -> None:
        self.rule = rule
        self.id, self.limit, self.cost, self.observed = (
            rule.id, rule.limit, rule.cost, rule.observed,
        )  # fmt: skip
        self.window_s, self.window_us = rule.window, rule.window_us
        self.suffix = f":{rule.id}:{rule.window_us}"
        """Ends the key: a limit whose window was changed starts afresh."""
        self.window_text = _duration(rule.window)
        self.subject = _read_subject(rule)
        """Who is counted; None when this request is not."""
        self.applies = _read_equals(rule.match)
        """Whether headers and attributes are as asked; None when none are asked."""


class LimitPlan:
    """Finds the limits that count a request."""

    def __init__(self, rules: Sequence[LimitRule]) -> None:
        self._limits = [
            (_match_place(rule.match), Limit(rule)) for rule in rules if rule.mode != "disabled"
        ]
        self._remembered: dict[tuple[str, str, str, str | None], tuple[Limit, ...]] = {}

    def limits_at(self, inspection: Inspection) -> tuple[Limit, ...]:
        """The limits of a request's namespace, method, path and route; about 0.3 us when known."""
        request, route = inspection.request, inspection.route
        path = inspection.normal.key
        place = (request.namespace, request.method, path, None if route is None else route.id)
        known = self._remembered.get(place)
        if known is not None:
            return known
        found = tuple(limit for matches, limit in self._limits if matches(inspection))
        if len(path) + len(request.method) <= _REMEMBERED_PATH_MAX:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[place] = found
        return found


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


def _read_equals(match: LimitMatch) -> Callable[[Inspection], bool] | None:
    headers = {name.lower(): value for name, value in match.headers.items()}.items()
    attributes = match.attributes.items()
    fits = read_attribute_patterns(match)
    if not headers and not attributes:
        return fits

    def equals(inspection: Inspection) -> bool:
        return (
            headers <= inspection.header_map.items()
            and attributes <= inspection.request.attributes.items()
            and (fits is None or fits(inspection))
        )

    return equals


def _read_subject(rule: LimitRule) -> Reader:
    parts = [_read_part(name, count=rule.missing == "count") for name in rule.key]
    if len(parts) == 1:
        return parts[0]

    def read(inspection: Inspection) -> str | None:
        values = [part(inspection) for part in parts]
        return None if None in values else ",".join(value for value in values if value)

    return read


def _read_part(name: str, *, count: bool) -> Reader:
    """One part of a key as `name:value`, in characters that mean nothing to a key."""
    if name == "ip":
        return lambda inspection: "ip:" + inspection.request.address.subject
    read = _reader(name)
    lacking = f"{name}:" if count else None

    def part(inspection: Inspection) -> str | None:
        value = read(inspection)
        if not value:
            return lacking
        return f"{name}:{value if _PLAIN.fullmatch(value) else _digest(value)}"

    return part


def _reader(name: str) -> Reader:
    kind, _, detail = name.partition(":")
    if kind == "attribute":
        return lambda inspection: inspection.request.attributes.get(detail)
    if kind == "header":
        header = detail.lower()
        return lambda inspection: inspection.header_map.get(header)
    return _READERS[name]


_READERS: dict[str, Reader] = {
    "user": lambda inspection: inspection.request.user_id,
    "session": lambda inspection: inspection.request.session_id,
    "device": lambda inspection: inspection.request.device_id,
    "tls": lambda inspection: inspection.request.tls_fingerprint,
    "host": lambda inspection: inspection.request.host.lower(),
    "method": lambda inspection: inspection.request.method,
    "namespace": lambda inspection: inspection.request.namespace,
    "route": lambda inspection: inspection.route.id if inspection.route else None,
}


def _digest(value: str) -> str:
    """A long or odd value, short and harmless; `#` tells it apart from every plain one."""
    return "#" + blake2b(value.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _duration(seconds: float) -> str:
    """A window as analysts write it."""
    milliseconds = round(seconds * 1_000)
    for unit, size in _UNITS:
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
