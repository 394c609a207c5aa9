"""The decision log: every decision as a JSON line, written after the answer and beside the path."""

import datetime
import logging
import threading
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from riskengine.clock import Clock
from riskengine.decision import Decision
from riskengine.inspection import Inspection
from riskengine.outcome import Outcome
from riskengine.records.decision_lines import DecisionBody, DecisionLine, OutcomeReport
from riskengine.records.redaction import Redaction
from riskengine.records.segments import Segments

_log = logging.getLogger("riskengine.records")

_MIB = 1024 * 1024
_FLUSH_S = 0.1
_SLICE = 64
"""Decisions encoded between two writes. A write lets go of the interpreter lock, so that the
serving thread never waits for more than about half a millisecond of encoding."""


class LogCounts(NamedTuple):
    """What became of the lines so far; for metrics and for people."""

    written: int
    """Lines that reached a file."""
    dropped: int
    """Lines that found the queue full."""
    lost: int
    """Lines that could not be written: disk full, no permission."""
    removed_segments: int
    """Closed segments removed to stay below the disk cap."""


class DecisionLog:
    """Takes batches without ever waiting; a thread of its own encodes and appends them."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        worker: str = "0",
        max_segment_bytes: int = 64 * _MIB,
        max_segment_age_s: float = 300.0,
        max_total_bytes: int = 4_096 * _MIB,
        queue_size: int = 65_536,
        hash_key: bytes | None = None,
        features_version: str = "",
    ) -> None:
        """`queue_size` bounds the decisions and outcomes waiting; beyond it they are dropped.

        `hash_key` (at least 16 bytes) makes addresses and ids pseudonyms. `features_version`
        names the list of features that the vectors follow.
        """
        self._segments = Segments(
            directory,
            clock=clock,
            worker=worker,
            max_segment_bytes=max_segment_bytes,
            max_segment_age_s=max_segment_age_s,
            max_total_bytes=max_total_bytes,
        )
        self._encoder = LineEncoder(Redaction(hash_key), features_version)
        self._queue: deque[_Decided | _Reported] = deque()
        self._queue_size = queue_size
        # Each counter has one writing thread, so that neither needs a lock.
        self._taken = 0
        self._done = 0
        self._dropped = 0
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> LogCounts:
        """What became of the lines so far."""
        segments = self._segments
        return LogCounts(segments.written, self._dropped, segments.lost, segments.removed)

    def record(
        self, inspections: Sequence[Inspection], decisions: Sequence[Decision], latency_s: float = 0
    ) -> None:
        """Queue one batch; when the queue has no room for it, drop and count it."""
        self._put(_Decided(inspections, decisions), len(decisions))

    def record_outcomes(self, outcomes: Sequence[Outcome], at: float) -> None:
        """Queue what became of allowed requests."""
        self._put(_Reported(outcomes, at), len(outcomes))

    def record_reload(self, succeeded: bool) -> None:
        """Nothing to write: each decision names its ruleset."""

    def record_failure(self, stage: str) -> None:
        """Nothing to write: each decision names what it went without."""

    def close(self) -> None:
        """Write what is queued and close the segment; idempotent."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _put(self, entry: "_Decided | _Reported", size: int) -> None:
        if self._closing or self._taken - self._done + size > self._queue_size:
            self._dropped += size
            return
        self._taken += size
        self._queue.append(entry)
        if self._taken - self._done > self._queue_size // 4:
            self._wake.set()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(_FLUSH_S)
            self._wake.clear()
            self._drain()
            self._segments.close_when_old()
        self._drain()
        self._segments.close()

    def _drain(self) -> None:
        lines: list[bytes] = []
        while self._queue:
            lines += self._encode(self._queue.popleft())
            if len(lines) >= _SLICE:
                self._append(lines)
                lines = []
        self._append(lines)

    def _append(self, lines: list[bytes]) -> None:
        if lines:
            self._segments.append(b"".join(lines), len(lines))

    def _encode(self, entry: "_Decided | _Reported") -> list[bytes]:
        """The entry's lines. What cannot be encoded is lost and counted, never the log."""
        size = len(entry[0])
        try:
            return list(self._encoder.lines(entry))
        except Exception:  # noqa: BLE001 - the thread outlives any entry; it is counted
            _log.exception("entries of the decision log cannot be encoded")
            self._segments.lost += size
            return []
        finally:
            self._done += size


class LineEncoder:
    """Encodes what happened as lines of the decision log."""

    def __init__(self, redaction: Redaction, features_version: str) -> None:
        self._redaction = redaction
        self._features_version = features_version
        self._json = msgspec.json.Encoder()

    def lines(self, entry: "_Decided | _Reported") -> list[bytes]:
        """One line, with its newline, per decision or outcome."""
        if isinstance(entry, _Reported):
            at = _moment(entry.at)
            return [self._line(_outcome(outcome, at)) for outcome in entry.outcomes]
        pairs = zip(entry.inspections, entry.decisions, strict=True)
        return [self._line(self._decision(*pair)) for pair in pairs]

    def _line(self, value: DecisionLine | OutcomeReport) -> bytes:
        return self._json.encode(value) + b"\n"

    def _decision(self, inspection: Inspection, decision: Decision) -> DecisionLine:
        at = _moment(inspection.at)
        redaction, features = self._redaction, inspection.features
        hits = redaction.hits(decision.hits, inspection.request) if decision.hits else []
        return DecisionLine(
            at=at,
            request=redaction.line(inspection.request, at),
            decision=DecisionBody.of(decision, hits),
            profile=redaction.profile(inspection.profile_key),
            features=features if features is None or isinstance(features, list) else list(features),
            features_version="" if features is None else self._features_version,
            identifiers_hashed=redaction.hashes,
        )


class _Decided(NamedTuple):
    inspections: Sequence[Inspection]
    decisions: Sequence[Decision]


class _Reported(NamedTuple):
    outcomes: Sequence[Outcome]
    at: float


def _outcome(outcome: Outcome, at: datetime.datetime) -> OutcomeReport:
    latency_ms = None if outcome.latency_s is None else outcome.latency_s * 1000.0
    return OutcomeReport(
        at=at,
        decision_id=outcome.decision_id,
        status=outcome.status,
        bytes=outcome.bytes,
        latency_ms=latency_ms,
    )


@lru_cache(maxsize=16)  # all of a live batch share one time
def _moment(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.UTC)
