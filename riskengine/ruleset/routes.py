"""Routes: the shop's map, by method and path template, shared by all stages."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from riskengine.ruleset.fields import Entry, Identifier, show
from riskengine.ruleset.path_patterns import PathPattern, is_capture

_KNOWN_MAX = 16_384
_KNOWN_LENGTH_MAX = 256
"""Paths that are remembered with their route, and how long they may be: strangers send them."""

Kind = Literal["page", "asset", "api"]
Step = Literal["product", "cart", "checkout", "login"]


def _check_method(method: str) -> str:
    if not (method.isascii() and method.isalpha() and method.isupper()):
        raise ValueError(f"must be a method in upper case such as GET, got {show(method)}")
    return method


Method = Annotated[str, AfterValidator(_check_method)]


def _check_methods(methods: tuple[str, ...]) -> tuple[str, ...]:
    if not methods:
        raise ValueError("must be a list of at least one method such as [GET, HEAD]")
    return methods


Methods = Annotated[tuple[Method, ...], AfterValidator(_check_methods)]


class Route(Entry):
    """One place of the shop. Subclassed by what a concern adds to it."""

    id: Identifier
    description: str = ""
    methods: Methods = ("GET", "HEAD")
    path: PathPattern
    """Template over the normal path: `/products/{id}`, `/static/**`."""
    kind: Kind = "page"
    step: Step | None = None
    """The step of the buying funnel that this route is."""
    points: int = Field(default=1, ge=1, le=1_000_000)
    """What a request costs in limits with `cost: route_points`."""

    @field_validator("path")
    @classmethod
    def _check_template(cls, path: str) -> str:
        """A route is found by walking a tree, so it has no `*` but `**` at its end."""
        if "*" in path.removesuffix("/**"):
            raise ValueError(f"must have '**' only as its last segment, got {show(path)}")
        names = [segment for segment in _segments(path) if is_capture(segment)]
        if len(set(names)) < len(names):
            raise ValueError(f"must not use one {{name}} twice, got {show(path)}")
        return path


class _Node:
    """A place in the tree of templates, one level per segment."""

    __slots__ = ("any_segment", "here", "literal", "rest")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.any_segment: _Node | None = None
        self.here: dict[str, Route] = {}
        """Routes that end here, by method."""
        self.rest: dict[str, Route] = {}
        """Routes that end in `**` here, by method."""


class RouteTable:
    """Finds the route of a request. The most specific template wins: literal, `{x}`, `**`.

    A template that does not know the method gives way to a less specific one that does.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        self._literal: dict[str, dict[str, Route]] = {}
        self._depth = 1
        self._known: dict[tuple[str, str], Route | None] = {}
        for route in self.routes:
            self._add(route)

    def match(self, method: str, path_key: str) -> Route | None:
        """The route of a method and a lower-case normal path; None when the map has none."""
        literal = self._literal.get(path_key)
        if literal is not None and method in literal:
            return literal[method]
        asked = (method, path_key)
        try:
            return self._known[asked]
        except KeyError:
            return self._keep(asked, _find(self._root, self._segments(path_key), 0, method))

    def methods(self, path_key: str) -> frozenset[str]:
        """All methods that the map knows at a path; empty where the map has no such path."""
        return frozenset(_methods(self._root, self._segments(path_key), 0))

    def _keep(self, asked: tuple[str, str], route: Route | None) -> Route | None:
        if len(asked[1]) <= _KNOWN_LENGTH_MAX:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[asked] = route
        return route

    def _add(self, route: Route) -> None:
        path = route.path.lower()
        segments = _segments(path)
        self._depth = max(self._depth, len(segments))
        if "**" not in segments and not any(map(is_capture, segments)):
            self._literal.setdefault(path, {}).update(dict.fromkeys(route.methods, route))
        _fill(_place(self._root, segments), route)

    def _segments(self, path_key: str) -> list[str]:
        """Segments of a path, no more than tell it apart from every template."""
        return path_key[1:].split("/", self._depth) if path_key != "/" else []


def capture_places(route: Route) -> tuple[tuple[int, str], ...]:
    """Which segments of a path the route captures, counted from 0, and under what names."""
    return tuple(
        (place, segment[1:-1])
        for place, segment in enumerate(_segments(route.path))
        if is_capture(segment)
    )


def captures(route: Route, path: str) -> dict[str, str]:
    """What stands in the path for each `{name}` of the route's template, case kept.

    `path` is a normal path that the route matches.
    """
    segments = _segments(path)
    return {name: segments[place] for place, name in capture_places(route)}


def conflicts(routes: Sequence[Route]) -> list[tuple[Route, Route, str]]:
    """Pairs of routes that claim the same method of the same template, and that method."""
    claimed: dict[tuple[str, tuple[str, ...]], Route] = {}
    found = []
    for route in routes:
        shape = tuple("{}" if is_capture(s) else s for s in _segments(route.path.lower()))
        for method in route.methods:
            first = claimed.setdefault((method, shape), route)
            if first is not route:
                found.append((first, route, method))
    return found


def _segments(path: str) -> list[str]:
    return path[1:].split("/") if path != "/" else []


def _place(node: _Node, segments: list[str]) -> _Node:
    """The node that a template leads to, made where it is missing; `**` adds no level."""
    for segment in segments:
        if segment == "**":
            break
        if is_capture(segment):
            node.any_segment = node.any_segment or _Node()
            node = node.any_segment
        else:
            node = node.literal.setdefault(segment, _Node())
    return node


def _fill(node: _Node, route: Route) -> None:
    routes = node.rest if route.path.endswith("/**") else node.here
    for method in route.methods:
        routes.setdefault(method, route)


def _find(node: _Node, segments: list[str], depth: int, method: str) -> Route | None:
    if depth == len(segments):
        return node.here.get(method) or node.rest.get(method)
    found = None
    literal = node.literal.get(segments[depth])
    if literal is not None:
        found = _find(literal, segments, depth + 1, method)
    if found is None and node.any_segment is not None:
        found = _find(node.any_segment, segments, depth + 1, method)
    return found or node.rest.get(method)


def _methods(node: _Node, segments: list[str], depth: int) -> set[str]:
    if depth == len(segments):
        return {*node.here, *node.rest}
    found = set(node.rest)
    for child in (node.literal.get(segments[depth]), node.any_segment):
        if child is not None:
            found |= _methods(child, segments, depth + 1)
    return found
