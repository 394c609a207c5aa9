"""The decision log: each decision as a JSON line, encoded after its answer, written by a thread."""

import datetime
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
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
_WRITE_BYTES = _MIB
"""Written at once, about; each write hands the interpreter lock over and back."""


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
    """Takes batches without ever waiting for a file: a thread of its own appends them.

    Lines are encoded by the thread that decided, between two batches. A thread that encodes beside
    it would hold the interpreter lock as long, and costs up to 10 us a decision more: what one
    core has just written comes slowly to another, and what waits in the queue as objects
    keeps memory away from the next batch.
    """

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
        self._queue: deque[_Block] = deque()
        self._queue_size = queue_size
        # Each counter has one writing thread, so that neither needs a lock.
        self._taken = 0
        self._done = 0
        self._dropped = 0
        self._unencodable = 0
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> LogCounts:
        """What became of the lines so far."""
        segments = self._segments
        lost = self._unencodable + segments.lost
        return LogCounts(segments.written, self._dropped, lost, segments.removed)

    def record(
        self, inspections: Sequence[Inspection], decisions: Sequence[Decision], latency_s: float = 0
    ) -> None:
        """Queue one batch; when the queue has no room for it, drop and count it."""
        if self._has_room(len(decisions)):
            self._put(len(decisions), lambda: self._encoder.decisions(inspections, decisions))

    def record_outcomes(self, outcomes: Sequence[Outcome], at: float) -> None:
        """Queue what became of allowed requests."""
        if self._has_room(len(outcomes)):
            self._put(len(outcomes), lambda: self._encoder.outcomes(outcomes, at))

    def record_reload(self, succeeded: bool) -> None:
        """Nothing to write: each decision names its ruleset."""

    def record_failure(self, stage: str) -> None:
        """Nothing to write: each decision names what it went without."""

    def close(self) -> None:
        """Write what is queued and close the segment; idempotent."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _has_room(self, lines: int) -> bool:
        """Whether the queue takes so many lines; they are counted as dropped where it does not."""
        if self._closing or self._taken - self._done + lines > self._queue_size:
            self._dropped += lines
            return False
        return True

    def _put(self, lines: int, encode: Callable[[], bytes]) -> None:
        """Queue so many lines. What cannot be encoded is lost and counted, never the log."""
        try:
            block = encode()
        except Exception:  # noqa: BLE001 - a decision that cannot be told has still been taken
            _log.exception("entries of the decision log cannot be encoded")
            self._unencodable += lines
            return
        self._taken += lines
        self._queue.append(_Block(block, lines))
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
        while self._queue:
            blocks = [self._queue.popleft()]
            size = len(blocks[0].data)
            while self._queue and size < _WRITE_BYTES:
                blocks.append(self._queue.popleft())
                size += len(blocks[-1].data)
            lines = sum(block.lines for block in blocks)
            self._segments.append(b"".join(block.data for block in blocks), lines)
            self._done += lines


class LineEncoder:
    """Encodes what happened as lines of the decision log."""

    def __init__(self, redaction: Redaction, features_version: str) -> None:
        self._redaction = redaction
        self._features_version = features_version
        self._json = msgspec.json.Encoder()

    def decisions(self, inspections: Sequence[Inspection], decisions: Sequence[Decision]) -> bytes:
        """One line per decision, each with its newline."""
        return self._json.encode_lines(list(map(self._decision, inspections, decisions)))

    def outcomes(self, outcomes: Sequence[Outcome], at: float) -> bytes:
        """One line per outcome, each with its newline."""
        moment = _moment(at)
        return self._json.encode_lines([_outcome(outcome, moment) for outcome in outcomes])

    def _decision(self, inspection: Inspection, decision: Decision) -> DecisionLine:
        at = _moment(inspection.at)
        redaction, features = self._redaction, inspection.features
        hits = redaction.hits(decision.hits, inspection.request) if decision.hits else []
        return DecisionLine(
            at,
            redaction.line(inspection.request, at, inspection.headers),
            DecisionBody.of(decision, hits),
            redaction.profile(inspection.profile_key),
            features if features is None or isinstance(features, list) else list(features),
            "" if features is None else self._features_version,
            redaction.hashes,
        )


class _Block(NamedTuple):
    data: bytes
    """Whole lines."""
    lines: int


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
