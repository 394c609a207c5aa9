"""JSON lines: requests as they stand in samples, and the decision log."""

import msgspec

from riskengine.analyst.traffic import Logged, LoggedOutcome, LoggedRequest, Recorded
from riskengine.errors import InvalidRequestError
from riskengine.records.decision_lines import DecisionLine, OutcomeReport
from riskengine.records.lines import OutcomeLine, RequestLine
from riskengine.records.redaction import restored

_REQUESTS = msgspec.json.Decoder(RequestLine)
_DECISIONS: msgspec.json.Decoder[DecisionLine | OutcomeReport] = msgspec.json.Decoder(
    DecisionLine | OutcomeReport
)


def read_request_line(raw: bytes, number: int) -> LoggedRequest:
    """A line of a sample or of the simulator; ValueError with the reason where it is none."""
    try:
        line = _REQUESTS.decode(raw)
        request = line.to_request()
    except (msgspec.DecodeError, InvalidRequestError) as error:
        raise ValueError(str(error)) from None
    at = line.received_at.timestamp()
    return LoggedRequest(at, number, request, line.label, line.outcome)


def read_decision_line(raw: bytes, number: int) -> Logged:
    """A line of the decision log; ValueError with the reason where it is none."""
    try:
        line = _DECISIONS.decode(raw)
        if isinstance(line, OutcomeReport):
            outcome = OutcomeLine(line.status, line.bytes, line.latency_ms)
            return LoggedOutcome(line.at.timestamp(), number, line.decision_id, outcome)
        at = line.at.timestamp()
        request = restored(line.request).to_request()
    except (msgspec.DecodeError, InvalidRequestError) as error:
        raise ValueError(str(error)) from None
    return LoggedRequest(
        at, number, request, line.request.label, line.request.outcome, _recorded(line)
    )


def _recorded(line: DecisionLine) -> Recorded:
    decision = line.decision
    hits = tuple(hit.to_hit() for hit in decision.hits)
    return Recorded(
        decision.decision_id,
        decision.verdict,
        decision.stage,
        decision.rule_id,
        hits,
        _carried(line),
    )


def _carried(line: DecisionLine) -> tuple[str, ...]:
    """Which stages cannot see today what they saw then."""
    stages: tuple[str, ...] = ("addresses",) if line.identifiers_hashed else ()
    unseen = ("query.", "path.", "body")
    if any(key.startswith(unseen) for key in line.request.withheld):
        stages += ("parameters", "signatures")
    return stages
