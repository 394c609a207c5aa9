"""riskengine.v1 from the asking side: requests and outcomes to bytes, bytes to decisions."""

from collections.abc import Sequence

from riskengine.decision import Decision, LimitState, RuleHit, Verdict
from riskengine.edge.native_methods import SERVICE
from riskengine.outcome import Outcome
from riskengine.request import Request
from riskengine.v1 import riskengine_pb2 as pb

EVALUATE = f"/{SERVICE}/Evaluate"
REPORT_OUTCOMES = f"/{SERVICE}/ReportOutcomes"


def encode_request(request: Request) -> bytes:
    """An EvaluateRequest. What is not UTF-8 is replaced: the wire has no other text."""
    return pb.EvaluateRequest(
        request_id=_text(request.request_id),
        namespace=request.namespace,
        client_ip=request.address.text,
        method=_text(request.method),
        scheme=request.scheme,
        host=_text(request.host),
        path=_text(request.path),
        query=_text(request.query),
        http_version=request.http_version,
        headers=[pb.Header(name=_text(n), value=_text(v)) for n, v in request.headers],
        body=request.body,
        body_size=request.body_size,
        user_id=_text(request.user_id),
        session_id=_text(request.session_id),
        device_id=_text(request.device_id),
        tls_fingerprint=_text(request.tls_fingerprint),
        attributes=request.attributes,
    ).SerializeToString()


def decode_decision(message: bytes) -> Decision:
    """The decision; google.protobuf's DecodeError where these bytes are none."""
    told = pb.Decision.FromString(message)
    scored = told.HasField("anomaly_score")
    return Decision(
        decision_id=told.decision_id,
        request_id=told.request_id,
        verdict=Verdict(told.verdict),
        stage=told.stage,
        rule_id=told.rule_id,
        reason=told.reason,
        retry_after_s=_seconds(told),
        anomaly_score=told.anomaly_score if scored else None,
        hits=tuple(map(_hit, told.hits)),
        limits=tuple(map(_limit, told.limits)),
        ruleset_revision=told.ruleset_revision,
        model_version=told.model_version,
        degraded=tuple(told.degraded),
    )


def encode_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """A ReportOutcomesRequest."""
    message = pb.ReportOutcomesRequest()
    for outcome in outcomes:
        entry = message.outcomes.add(
            decision_id=outcome.decision_id, status=outcome.status, bytes=outcome.bytes
        )
        if outcome.latency_s is not None:
            entry.latency.FromNanoseconds(round(outcome.latency_s * 1e9))
    return message.SerializeToString()


def _hit(told: pb.RuleHit) -> RuleHit:
    return RuleHit(
        stage=told.stage,
        rule_id=told.rule_id,
        verdict=Verdict(told.verdict),
        reason=told.reason,
        detail=told.detail,
        observed=told.mode == pb.MODE_OBSERVE,
    )


def _limit(told: pb.LimitState) -> LimitState:
    return LimitState(
        rule_id=told.rule_id,
        limit=told.limit,
        remaining=told.remaining,
        window_s=told.window.ToNanoseconds() / 1e9,
        retry_after_s=_seconds(told) or 0.0,
        observed=told.mode == pb.MODE_OBSERVE,
    )


def _seconds(told: pb.Decision | pb.LimitState) -> float | None:
    return told.retry_after.ToNanoseconds() / 1e9 if told.HasField("retry_after") else None


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
