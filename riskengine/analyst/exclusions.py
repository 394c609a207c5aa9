"""Proposes exclusions for what signatures found in traffic that is known to be good."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from riskengine.normalize import normalize_path

PATHS_MAX = 3
"""A rule and parameter that hit on more paths than this get one pattern for all of them."""

_EXAMPLE_MAX = 80
_HIT = re.compile(
    r"(?P<rule>\d{1,9}) at (?P<parameter>\S+): (?P<text>.*) \(\d+ points?\)", re.DOTALL
)


class SignatureHit(NamedTuple):
    """A rule of a signature set that fired on one parameter of one request."""

    rule: int
    parameter: str
    """As SecLang names it, such as `ARGS:q`."""
    path: str
    """Raw path of the request."""
    client: str
    """Address or pseudonym: what many clients do is rarely an attack."""
    text: str
    """What matched, cut and escaped."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One exclusion, as narrow as the hits permit, and what speaks for it."""

    rule: int
    parameter: str
    path: str
    """A path pattern of rules; it matches every path on which the hits stood."""
    hits: int
    clients: int
    example: str


def read_hit(detail: str, path: str, client: str) -> SignatureHit | None:
    """The hit that the `detail` of a logged signature hit tells of; None for any other text."""
    found = _HIT.fullmatch(detail)
    if found is None:
        return None
    return SignatureHit(int(found["rule"]), found["parameter"], path, client, found["text"])


def propose(hits: Iterable[SignatureHit], *, least: int = 1) -> list[Proposal]:
    """The exclusions that would have let `hits` pass, most hits first.

    Each names one rule, one parameter and one path. Where a rule and parameter hit on more than
    PATHS_MAX paths, one pattern stands for all of them. What hit fewer than `least` times is left.
    """
    grouped: dict[tuple[int, str], list[SignatureHit]] = defaultdict(list)
    for hit in hits:
        grouped[hit.rule, hit.parameter].append(hit)
    proposals = [proposal for group in grouped.values() for proposal in _of_group(group)]
    worth = [proposal for proposal in proposals if proposal.hits >= least]
    return sorted(worth, key=lambda one: (-one.hits, one.rule, one.parameter, one.path))


def _of_group(group: list[SignatureHit]) -> Iterator[Proposal]:
    by_path: dict[str, list[SignatureHit]] = defaultdict(list)
    for hit in group:
        by_path[_as_pattern(normalize_path(hit.path).key)].append(hit)
    if len(by_path) <= PATHS_MAX:
        yield from (_proposal(hits, path) for path, hits in by_path.items())
    else:
        yield _proposal(group, common_pattern(list(by_path)))


def _proposal(hits: list[SignatureHit], path: str) -> Proposal:
    first = hits[0]
    clients = len({hit.client for hit in hits})
    return Proposal(
        first.rule, first.parameter, path, len(hits), clients, first.text[:_EXAMPLE_MAX]
    )


def common_pattern(paths: list[str]) -> str:
    """The narrowest pattern that matches all `paths`: `*` for a segment in which they differ.

    Paths of different depth share the segments they begin with, and `**` for the rest.
    """
    split = [path[1:].split("/") for path in paths]
    if len({len(segments) for segments in split}) == 1:
        return "/" + "/".join(
            places[0] if len(set(places)) == 1 else "*" for places in zip(*split, strict=True)
        )
    shared: list[str] = []
    for places in zip(*split, strict=False):
        if len(set(places)) > 1:
            break
        shared.append(places[0])
    return "/" + "/".join([*shared, "**"])


def _as_pattern(key: str) -> str:
    """A normal path as a pattern; signs that patterns cannot spell become `*`."""
    return re.sub(r"[%\\;?#\s{}*]+", "*", key) if key != "/" else key
