"""Turns descriptors of envoyproxy/ratelimit into limit rules; what has no equal is named.

There, the most specific entry alone counts: a value before a pattern before the bare key, and a
limit holds only for descriptors that end at its entry. Here every rule that matches counts, so each
rule excludes what a more specific entry takes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from riskengine.analyst.envoy_descriptors import Domain, Node
from riskengine.analyst.limit_yaml import WrittenLimit, require_loadable, written_limits
from riskengine.errors import RulesetError
from riskengine.ruleset.limits import LIMIT_MAX
from riskengine.ruleset.wildcards import Wildcard

_WINDOWS = {
    "second": "1s", "minute": "1m", "hour": "1h", "day": "1d", "week": "7d", "month": "30d",
    "year": "365d",
}  # fmt: skip
_ATTRIBUTE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_ID_MAX = 64

_HEAD = (
    "yaml-language-server: $schema=schema/limits.schema.json",
    "",
    "Imported from envoyproxy/ratelimit. An entry of a descriptor is an attribute of the request,",
    "a domain is a namespace. Windows slide here; there they begin anew at every full unit, and",
    "let twice the limit through around that moment.",
    "",
)


class Note(NamedTuple):
    """Something that is not the same here, or is not there at all."""

    source: str
    """`file:line`."""
    text: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the descriptors."""

    text: str
    """A `limits.yaml` that loads."""
    rules: int
    notes: list[Note]


def import_descriptors(
    domains: Sequence[Domain], *, namespace: str | None = None, target: Path = Path("limits.yaml")
) -> Imported:
    """Rules for all descriptors; RulesetError where one cannot be said in a rule at all.

    `namespace` takes the place of the domains; empty: the rules hold in every namespace.
    """
    work = _Import(namespace)
    blocks = [block for domain in domains for block in work.blocks(domain)]
    if work.mistakes:
        raise RulesetError(work.mistakes)
    files = dict.fromkeys(str(node.path) for domain in domains for node in domain.nodes)
    text = written_limits((*_HEAD, *(f"From: {file}" for file in files)), blocks)
    return Imported(text, len(require_loadable(text, target).limits), work.notes)


class _Way(NamedTuple):
    """The entries that lead to a limit, and what more specific ones take from it."""

    nodes: tuple[Node, ...] = ()
    unlike: tuple[tuple[str, tuple[str, ...]], ...] = ()


class _Import:
    """One run: collects mistakes, notes and the ids taken."""

    def __init__(self, namespace: str | None) -> None:
        self._namespace = namespace
        self._ids: set[str] = set()
        self.mistakes: list[str] = []
        self.notes: list[Note] = []

    def blocks(self, domain: Domain) -> Iterator[WrittenLimit | Sequence[str]]:
        """Rules and remarks of a domain, in the order of its files."""
        name = domain.name if self._namespace is None else self._namespace
        if name and not _NAMESPACE.fullmatch(name):
            self.mistakes.append(
                f"{domain.nodes[0].path}:1: domain must be at most 64 letters, digits, '-', '_' or "
                f"'.' to be a namespace, got {name!r}; --namespace gives another"
            )
        for node in domain.nodes:
            yield from self._entry(domain.name, name, node, domain.nodes, _Way())

    def _entry(
        self, domain: str, namespace: str, node: Node, siblings: Sequence[Node], way: _Way
    ) -> Iterator[WrittenLimit | Sequence[str]]:
        key = node.entry.key
        if not _ATTRIBUTE.fullmatch(key):
            self.mistakes.append(
                f"{node.source}: key must be at most 64 letters, digits, '.', '_' or '-' to be the "
                f"name of an attribute, got {key!r}"
            )
            return
        if any(before.entry.key == key for before in way.nodes):
            what = (
                f"{key} stands twice in {_words((*way.nodes, node))}, and a request has one value"
            )
            yield self._refuse(node, f"{what} of an attribute")
            return
        taken = _taken_by_others(node, siblings)
        unlike = (*way.unlike, (key, taken)) if taken else way.unlike
        here = _Way((*way.nodes, node), unlike)
        yield from self._limit(domain, namespace, node, here)
        for child in node.children:
            yield from self._entry(domain, namespace, child, node.children, here)

    def _limit(
        self, domain: str, namespace: str, node: Node, way: _Way
    ) -> Iterator[WrittenLimit | Sequence[str]]:
        limit, words = node.entry.rate_limit, _words(way.nodes)
        if limit is None or limit.unlimited:
            remarks = self._note_remarks(node)
            if not node.children:
                remarks.insert(0, "has no limit; the rules around it leave it out.")
            if remarks:
                yield [f"{node.place}: {words}: {remarks[0]}", *remarks[1:]]
            return
        count = limit.requests_per_unit or 0
        if count > LIMIT_MAX:
            self.mistakes.append(
                f"{node.source}: requests_per_unit must be at most {LIMIT_MAX}, got {count}"
            )
        elif count == 0:
            yield self._refuse(node, f"{words} refuses everything, and a limit is 1 at least")
        else:
            yield self._rule(domain, namespace, way, count, _WINDOWS[limit.unit or "second"])

    def _rule(
        self, domain: str, namespace: str, way: _Way, count: int, window: str
    ) -> WrittenLimit:
        node = way.nodes[-1]
        remarks = self._note_remarks(node)
        observed = node.entry.shadow_mode or node.entry.quota_mode
        name = node.entry.rate_limit.name if node.entry.rate_limit else ""
        return WrittenLimit(
            id=self._id(domain, way.nodes),
            description=_description(way.nodes, count, window, name),
            mode="observe" if observed else "enforce",
            match=_match(namespace, way),
            key=_key(way.nodes),
            limit=count,
            window=window,
            comments=(f"{node.place}: {_words(way.nodes)}", *remarks),
        )

    def _note_remarks(self, node: Node) -> list[str]:
        remarks = list(_remarks(node))
        self.notes += [Note(node.source, remark) for remark in remarks]
        return remarks

    def _refuse(self, node: Node, why: str) -> list[str]:
        text = f"not imported: {why}"
        self.notes.append(Note(node.source, text))
        return [f"{node.place}: {text}."]

    def _id(self, domain: str, nodes: Sequence[Node]) -> str:
        words = [domain, *(word for n in nodes for word in (n.entry.key, n.entry.value) if word)]
        slug = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-") or "limit"
        found, number = slug[:_ID_MAX].rstrip("-"), 1
        while found in self._ids:
            number += 1
            end = f"-{number}"
            found = slug[: _ID_MAX - len(end)].rstrip("-") + end
        self._ids.add(found)
        return found


def _taken_by_others(node: Node, siblings: Sequence[Node]) -> tuple[str, ...]:
    """The values of the node's key that a more specific entry beside it takes."""
    key, value = node.entry.key, node.entry.value
    values = [other.entry.value for other in siblings if other.entry.key == key]
    if not value:
        return tuple(other for other in values if other)
    if "*" not in value:
        return ()
    fits = Wildcard(value).matches
    before = values[: values.index(value)]
    return tuple(
        other
        for other in values
        if (other and "*" not in other and fits(other)) or ("*" in other and other in before)
    )


def _match(
    namespace: str, way: _Way
) -> dict[str, list[str] | dict[str, str] | dict[str, Sequence[str]]]:
    entries = [node.entry for node in way.nodes]
    unlike: dict[str, Sequence[str]] = dict(way.unlike)
    known = {entry.key for entry in entries}
    for child in way.nodes[-1].children:  # a descriptor that goes on belongs to another rule
        if child.entry.key not in known:
            unlike[child.entry.key] = ["*"]
    found: dict[str, list[str] | dict[str, str] | dict[str, Sequence[str]]] = {
        "namespaces": [namespace] if namespace else [],
        "attributes": {e.key: e.value for e in entries if e.value and "*" not in e.value},
        "attributes_like": {
            e.key: e.value or "*"
            for e in entries
            if "*" in e.value or (not e.value and e.share_threshold)
        },
        "attributes_unlike": unlike,
    }
    return {name: value for name, value in found.items() if value}


def _key(nodes: Sequence[Node]) -> list[str]:
    """What differs from client to client; where nothing does, what names the counter best."""
    entries = [node.entry for node in nodes]
    varying = [e.key for e in entries if _varies(e.value) and not e.share_threshold]
    fixed = [e.key for e in entries if not _varies(e.value)]
    return [f"attribute:{key}" for key in varying or fixed] or ["namespace"]


def _varies(value: str) -> bool:
    return not value or "*" in value


def _words(nodes: Sequence[Node]) -> str:
    return " / ".join(
        f"{node.entry.key}={node.entry.value}" if node.entry.value else node.entry.key
        for node in nodes
    )


def _description(nodes: Sequence[Node], count: int, window: str, name: str) -> str:
    each = [part.removeprefix("attribute:") for part in _key(nodes)]
    given = [f"{n.entry.key} is {n.entry.value}" for n in nodes if n.entry.value]
    varying = any(_varies(n.entry.value) and not n.entry.share_threshold for n in nodes)
    told = f"At most {count} in {window}"
    told += f" for each {' and '.join(each)}" if varying else " together"
    told += f" where {' and '.join(given)}" if given else ""
    return f"{told} ({name})." if name else f"{told}."


def _remarks(node: Node) -> Iterator[str]:
    """What of the entry is not the same here."""
    entry, limit = node.entry, node.entry.rate_limit
    if limit is not None and limit.replaces:
        names = ", ".join(replaced.name for replaced in limit.replaces)
        yield f"replaces ({names}) has no equal: this limit and those named count side by side."
    if limit is not None and limit.unit in ("month", "year"):
        yield f"a {limit.unit} is {_WINDOWS[limit.unit]} here."
    if entry.quota_mode:
        yield "quota_mode only tells the gateway: the rule observes."
    if entry.metadata is not None:
        yield "metadata is not imported: answers name the rule instead."
    if entry.detailed_metric or entry.value_to_metric:
        named = "detailed_metric" if entry.detailed_metric else "value_to_metric"
        yield f"{named}: metrics are per rule; `riskengine limits top` shows values."
