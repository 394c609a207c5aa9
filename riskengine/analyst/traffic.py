"""What a traffic file tells, whatever its format: requests, and what became of them."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from riskengine.decision import RuleHit
from riskengine.records.lines import Label, OutcomeLine
from riskengine.request import Request


class Recorded(NamedTuple):
    """What the decision log holds of a decision taken earlier."""

    decision_id: str
    verdict: str
    stage: str
    """The stage that decided; empty when nothing objected."""
    rule_id: str
    hits: tuple[RuleHit, ...]
    carried: tuple[str, ...]
    """Stages whose input the log does not hold, so that what they said then stands."""


class LoggedRequest(msgspec.Struct, frozen=True, gc=False):
    """A request of a file, with all that the file knows about it."""

    at: float
    """Seconds since the epoch."""
    line: int
    request: Request
    label: Label | None = None
    outcome: OutcomeLine | None = None
    recorded: Recorded | None = None


class LoggedOutcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a request decided earlier in the same decision log."""

    at: float
    line: int
    decision_id: str
    outcome: OutcomeLine


Logged = LoggedRequest | LoggedOutcome


class Malformed(msgspec.Struct, frozen=True):
    """A line that could not be read."""

    file: str
    line: int
    reason: str
    text: str
    """Its beginning, escaped."""


class LineCounts(msgspec.Struct):
    """What became of the lines of a file or directory, so far."""

    lines: int = 0
    requests: int = 0
    outcomes: int = 0
    malformed: int = 0
    without_request: int = 0
    """Access-log lines of connections on which nothing was sent."""
    cut: int = 0
    """Last lines that a crash cut off."""
    clamped: int = 0
    """Entries too late for that; they count at the time of the one before."""


FORMATS: Mapping[str, str] = {
    "access-log": "Apache or nginx access log (common or combined)",
    "requests": "JSON lines of requests",
    "decision-log": "decision log",
}
