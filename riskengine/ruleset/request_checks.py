"""Checks of a request as a whole: its path, query, headers, sizes and method."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, WithJsonSchema

from riskengine import normalize, query
from riskengine.decision import Verdict
from riskengine.ruleset.fields import Banning, Rule, StoppingVerdict, show
from riskengine.ruleset.origin_match import OriginMatch
from riskengine.ruleset.path_patterns import PathPattern
from riskengine.ruleset.routes import Methods


class CheckRule(Banning, Rule):
    """What every check has."""

    verdict: StoppingVerdict = Verdict.DENY
    """What becomes of a request that the check finds fault with."""
    match: OriginMatch = OriginMatch()
    """Only requests of these origins are checked; all where it is left out."""


def _oddity(known: Sequence[str]) -> tuple[AfterValidator, WithJsonSchema]:
    """A word out of `known`, for pydantic and for editors."""

    def check(word: str) -> str:
        if word not in known:
            raise ValueError(f"must be one of {', '.join(known)}, got {show(word)}")
        return word

    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(known)})


PathOddity = Annotated[str, *_oddity(normalize.ODDITIES)]
QueryOddity = Annotated[str, *_oddity(query.ODDITIES)]


class PathOddities(CheckRule):
    """Paths that normalisation found something odd about."""

    check: Literal["path_oddities"]
    oddities: tuple[PathOddity, ...] = Field(min_length=1)
    """Names of docs/normalization.md."""


class QueryOddities(CheckRule):
    """Queries that normalisation found something odd about."""

    check: Literal["query_oddities"]
    oddities: tuple[QueryOddity, ...] = Field(min_length=1)
    """Names of docs/normalization.md."""


class ForbiddenPaths(CheckRule):
    """Paths that this shop never serves."""

    check: Literal["forbidden_paths"]
    paths: tuple[PathPattern, ...] = Field(min_length=1)
    """Patterns such as `/.git/**`, `/wp-admin/**`, `/**/*.php`."""


class Size(CheckRule):
    """Something is larger than it ever needs to be."""

    check: Literal["size"]
    of: Literal["path", "query", "header", "headers", "body"]
    """What is measured; `header` is any single one, `headers` all of them with their names."""
    max: int = Field(ge=0)
    """Most bytes."""


class ParameterCount(CheckRule):
    """Too many query parameters."""

    check: Literal["parameter_count"]
    max: int = Field(ge=0, le=query.PARAMETERS_MAX)
    """Most parameters."""


class AllowedMethods(CheckRule):
    """Methods that no part of the shop knows."""

    check: Literal["allowed_methods"]
    methods: Methods
    """All methods the shop knows, in upper case."""


class RouteMethods(CheckRule):
    """A path that the map knows, asked with a method that it does not know there."""

    check: Literal["route_methods"]


class HeaderShape(CheckRule):
    """Headers that two servers may read in two ways (request smuggling)."""

    check: Literal[
        "header_control_characters", "duplicate_host", "missing_host", "conflicting_length"
    ]


RequestCheck = Annotated[
    PathOddities
    | QueryOddities
    | ForbiddenPaths
    | Size
    | ParameterCount
    | AllowedMethods
    | RouteMethods
    | HeaderShape,
    Discriminator("check"),
]
"""One entry of `checks`; `check` says which kind it is."""
