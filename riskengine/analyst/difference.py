"""Two decisions about each request, compared: what changed, how often, and the first examples."""

from collections import Counter
from typing import NamedTuple

import msgspec

from riskengine.analyst.traffic import LoggedRequest, Recorded
from riskengine.decision import Decision


class Judged(NamedTuple):
    """What a comparison looks at."""

    verdict: str
    stage: str
    rule_id: str

    @classmethod
    def of(cls, decision: Decision | Recorded) -> "Judged":
        """The comparable part of a decision taken now, or on record."""
        verdict = decision.verdict
        word = verdict if isinstance(verdict, str) else verdict.word
        return cls(word, decision.stage, decision.rule_id)


class Side(msgspec.Struct, frozen=True):
    """One of the two decisions."""

    verdict: str
    stage: str
    rule_id: str


class Change(msgspec.Struct, frozen=True):
    """How often one decision became another."""

    before: Side
    after: Side
    requests: int


class Example(msgspec.Struct, frozen=True):
    """A request that is decided differently now."""

    line: int
    request_id: str
    client_ip: str
    method: str
    path: str
    before: Side
    after: Side


class Difference(msgspec.Struct, frozen=True):
    """All changes between two ways to decide the same requests."""

    compared: int
    verdicts_changed: int
    """Requests whose verdict is another one."""
    changes: list[Change]
    """The most frequent first; a change of rule alone is one, too."""
    examples: list[Example]


class DifferenceTally:
    """Adds pairs of decisions up to a Difference."""

    def __init__(self, *, keep_examples: int = 10) -> None:
        self._keep_examples = keep_examples
        self._compared = 0
        self._changes: Counter[tuple[Judged, Judged]] = Counter()
        self._examples: list[Example] = []

    def add(self, entry: LoggedRequest, before: Judged, after: Judged) -> None:
        """Compare what two rulesets, or then and now, say of one request."""
        self._compared += 1
        if before == after:
            return
        self._changes[before, after] += 1
        if len(self._examples) < self._keep_examples and before.verdict != after.verdict:
            self._examples.append(_example(entry, before, after))

    def difference(self) -> Difference:
        """The sums so far."""
        order = sorted(self._changes.items(), key=lambda item: (-item[1], item[0]))
        changed = sum(n for (before, after), n in order if before.verdict != after.verdict)
        changes = [Change(Side(*before), Side(*after), n) for (before, after), n in order]
        return Difference(self._compared, changed, changes, list(self._examples))


def _example(entry: LoggedRequest, before: Judged, after: Judged) -> Example:
    request = entry.request
    return Example(
        entry.line,
        request.request_id,
        request.address.text,
        request.method,
        request.path[:200],
        Side(*before),
        Side(*after),
    )
