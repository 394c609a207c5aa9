"""Finds one decision in a decision log and tells how it came about."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from riskengine.analyst.log_readers import raw_lines
from riskengine.analyst.report import STAGES
from riskengine.errors import InputError
from riskengine.records.decision_lines import DecisionLine, HitLine, OutcomeReport

_LINES: msgspec.json.Decoder[DecisionLine | OutcomeReport] = msgspec.json.Decoder(
    DecisionLine | OutcomeReport
)


class Explanation(msgspec.Struct, frozen=True):
    """A decision as it stands in the log, and what became of the request."""

    file: str
    line: int
    decision: DecisionLine
    outcome: OutcomeReport | None

    def to_json(self) -> bytes:
        """Indented JSON with a newline at its end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


class StageStory(msgspec.Struct, frozen=True):
    """What one stage had to say."""

    stage: str
    result: str
    """`passed`, `allowed`, `throttled`, `denied`, `skipped` or `not reached`."""
    hits: list[HitLine]


def find(decision_id: str, path: Path) -> Explanation:
    """The decision of that id in a log file or directory; InputError when it is not there."""
    wanted = decision_id.encode()
    found: tuple[str, int, DecisionLine] | None = None
    for file, number, raw in raw_lines(path):
        # Looking for the bytes first is a hundred times faster than reading every line.
        if wanted not in raw:
            continue
        line = _decoded(raw)
        if isinstance(line, DecisionLine) and line.decision.decision_id == decision_id:
            found = file.name, number, line
        if isinstance(line, OutcomeReport) and line.decision_id == decision_id and found:
            return Explanation(*found, line)
    if found is None:
        raise InputError(f"{path}: no decision {decision_id!r} in this log")
    return Explanation(*found, None)


def story(line: DecisionLine) -> list[StageStory]:
    """The way of the request through the stages, in their order."""
    return list(_stories(line))


def _stories(line: DecisionLine) -> Iterator[StageStory]:
    decision, over = line.decision, False
    for stage in STAGES:
        hits = [hit for hit in decision.hits if hit.stage == stage]
        if over:
            yield StageStory(stage, "not reached", hits)
            continue
        decided = decision.stage == stage
        if decided:
            yield StageStory(stage, _DONE[decision.verdict], hits)
        else:
            yield StageStory(stage, "skipped" if stage in decision.degraded else "passed", hits)
        over = decided and decision.verdict != "allow"


_DONE = {"allow": "allowed", "throttle": "throttled", "deny": "denied"}


def _decoded(raw: bytes) -> DecisionLine | OutcomeReport | None:
    try:
        return _LINES.decode(raw)
    except msgspec.DecodeError:
        return None
