"""riskengine.v1 on the wire: bytes to requests and outcomes, decisions to bytes."""

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message

from riskengine.decision import Decision, LimitState, RuleHit, Verdict
from riskengine.edge.raw_request_pb2 import RawBatch, RawRequest
from riskengine.errors import InvalidRequestError
from riskengine.outcome import Outcome
from riskengine.request import Request, make_request
from riskengine.v1 import riskengine_pb2 as pb

REQUESTS_MAX = 512
OUTCOMES_MAX = 4_096
_ID_MAX = 128
_COMMON_HEADER_MAX = 256  # longer ones are hardly sent twice, and would fill the memory
_COMMON_HEADERS_MAX = 16_384
_COUNT_MAX = 2**63 - 1

M = TypeVar("M", bound=Message)


def decode_request(message: bytes) -> Request:
    """The request of an EvaluateRequest; InvalidRequestError names the field that is wrong."""
    return _request(_parse(RawRequest, pb.EvaluateRequest, message))


def decode_batch(message: bytes) -> list[Request | Decision]:
    """The requests of an EvaluateBatchRequest, in order.

    In place of a request that is not valid stands its decision, reason `request.invalid`.
    """
    requests = _parse(RawBatch, pb.EvaluateBatchRequest, message).requests
    if len(requests) > REQUESTS_MAX:
        raise InvalidRequestError(
            "requests", f"must be at most {REQUESTS_MAX}, got {len(requests)}"
        )
    return [_request_or_refusal(request) for request in requests]


def decode_outcomes(message: bytes) -> list[Outcome]:
    """The outcomes of a ReportOutcomesRequest; one wrong field refuses all of them."""
    outcomes = _parse(pb.ReportOutcomesRequest, pb.ReportOutcomesRequest, message).outcomes
    if len(outcomes) > OUTCOMES_MAX:
        raise InvalidRequestError(
            "outcomes", f"must be at most {OUTCOMES_MAX}, got {len(outcomes)}"
        )
    return [_outcome(outcome, f"outcomes[{index}]") for index, outcome in enumerate(outcomes)]


def encode_decision(decision: Decision) -> bytes:
    """A Decision.

    Most of it is the same in thousands of decisions, and fields of one message may be
    concatenated in any order: so that part is encoded once, which halves the time.
    """
    encoded = _text(b"\x0a", decision.request_id) if decision.request_id else b""
    encoded += _text(b"\x12", decision.decision_id) + _verdict(
        decision.verdict,
        decision.stage,
        decision.rule_id,
        decision.reason,
        decision.ruleset_revision,
        decision.model_version,
        decision.degraded,
    )
    if decision.anomaly_score is not None:
        encoded += b"\x41" + _double(decision.anomaly_score)
    if decision.retry_after_s is not None:
        encoded += _framed(b"\x3a", _duration(decision.retry_after_s))
    for hit in decision.hits:
        encoded += _framed(b"\x4a", _hit(hit))
    for limit in decision.limits:
        encoded += _limit(limit) if limit.retry_after_s else _roomy_limit(limit)
    return encoded


def encode_batch(decisions: Iterable[Decision]) -> bytes:
    """An EvaluateBatchResponse."""
    return b"".join([_framed(b"\x0a", encode_decision(decision)) for decision in decisions])


def encode_no_decision(code: int, message: str) -> bytes:
    """The answer to a message of a stream that could not be decided."""
    reason = pb.NoDecision(code=code, message=message)
    return pb.EvaluateBatchResponse(no_decision=reason).SerializeToString()


def encode_outcomes_response(*, accepted: int, unknown: int) -> bytes:
    """A ReportOutcomesResponse."""
    return pb.ReportOutcomesResponse(accepted=accepted, unknown=unknown).SerializeToString()


def _parse(kind: type[M], promised: type[Message], message: bytes) -> M:
    try:
        return kind.FromString(message)
    except DecodeError:
        raise _not_a(promised) from None


def _not_a(promised: type[Message]) -> InvalidRequestError:
    return InvalidRequestError("message", f"these bytes are no {promised.DESCRIPTOR.full_name}")


def _request(message: RawRequest) -> Request:
    received_at = None
    if message.HasField("received_at"):
        stamp = message.received_at
        received_at = stamp.seconds + stamp.nanos * 1e-9
    attributes = message.attributes
    headers = tuple(map(_header, message.headers))
    return make_request(
        client_ip=message.client_ip,
        request_id=message.request_id,
        namespace=message.namespace,
        method=message.method,
        scheme=message.scheme,
        host=message.host,
        path=message.path,
        query=message.query,
        http_version=message.http_version,
        headers=headers,
        headers_known=bool(headers) and not message.headers_partial,
        body=message.body,
        body_size=message.body_size,
        user_id=message.user_id,
        session_id=message.session_id,
        device_id=message.device_id,
        tls_fingerprint=message.tls_fingerprint,
        attributes=dict(attributes) if attributes else None,
        received_at=received_at,
    )


class _Headers(dict[bytes, tuple[str, str]]):
    """Lower-case names and values of encoded Headers, remembered.

    A dict that fills itself: `lru_cache` takes half as long again, on every header of a request.
    """

    def __missing__(self, encoded: bytes) -> tuple[str, str]:
        try:
            message = pb.Header.FromString(encoded)
        except DecodeError:
            raise _not_a(pb.EvaluateRequest) from None
        header = message.name.lower(), message.value
        if len(encoded) <= _COMMON_HEADER_MAX:
            if len(self) >= _COMMON_HEADERS_MAX:
                self.clear()
            self[encoded] = header
        return header


_header = _Headers().__getitem__


def _request_or_refusal(message: RawRequest) -> Request | Decision:
    try:
        return _request(message)
    except InvalidRequestError as error:
        hit = RuleHit("edge", "", Verdict.DENY, "request.invalid", str(error))
        return Decision(
            decision_id="",
            request_id=message.request_id[:_ID_MAX],
            verdict=hit.verdict,
            stage=hit.stage,
            reason=hit.reason,
            hits=(hit,),
        )


def _outcome(message: pb.Outcome, place: str) -> Outcome:
    if not 0 < len(message.decision_id) <= _ID_MAX:
        raise InvalidRequestError(
            f"{place}.decision_id",
            f"must be the id of a decision, got {message.decision_id[:32]!r}",
        )
    if not 100 <= message.status <= 599:
        raise InvalidRequestError(
            f"{place}.status", f"must be an HTTP status from 100 to 599, got {message.status}"
        )
    if message.bytes < 0:
        raise InvalidRequestError(f"{place}.bytes", f"must not be negative, got {message.bytes}")
    latency_s = None
    if message.HasField("latency"):
        latency_s = message.latency.seconds + message.latency.nanos * 1e-9
        if latency_s < 0:
            raise InvalidRequestError(f"{place}.latency", "must not be negative")
    return Outcome(message.decision_id, message.status, message.bytes, latency_s)


@lru_cache(maxsize=1_024)
def _verdict(
    verdict: Verdict,
    stage: str,
    rule_id: str,
    reason: str,
    ruleset_revision: str,
    model_version: str,
    degraded: Sequence[str],
) -> bytes:
    return pb.Decision(
        verdict=_VERDICTS[verdict],
        stage=stage,
        rule_id=rule_id,
        reason=reason,
        ruleset_revision=ruleset_revision,
        model_version=model_version,
        degraded=degraded,
    ).SerializeToString()


def _hit(hit: RuleHit) -> bytes:
    rule = _hit_rule(hit.stage, hit.rule_id, hit.verdict, hit.reason, hit.observed)
    return rule + _text(b"\x32", hit.detail)


@lru_cache(maxsize=4_096)
def _hit_rule(stage: str, rule_id: str, verdict: Verdict, reason: str, observed: bool) -> bytes:
    """What hits of a rule always say."""
    return pb.RuleHit(
        stage=stage,
        rule_id=rule_id,
        verdict=_VERDICTS[verdict],
        mode=pb.MODE_OBSERVE if observed else pb.MODE_ENFORCE,
        reason=reason,
    ).SerializeToString()


def _limit(state: LimitState) -> bytes:
    """A limit of a Decision, with its tag and length."""
    encoded = _limit_rule(state.rule_id, state.limit, state.window_s, state.observed)
    encoded += b"\x18" + _varint(min(max(state.remaining, 0), _COUNT_MAX))
    if state.retry_after_s:
        encoded += _framed(b"\x2a", _duration(state.retry_after_s))
    return _framed(b"\x52", encoded)


_roomy_limit = lru_cache(maxsize=16_384)(_limit)
"""While hits are left, a limit says one of few things, and says it to everybody."""


@lru_cache(maxsize=4_096)
def _limit_rule(rule_id: str, limit: int, window_s: float, observed: bool) -> bytes:
    """What a rule always says."""
    return pb.LimitState(
        rule_id=rule_id,
        limit=limit,
        window=Duration.FromString(_duration(window_s)),
        mode=pb.MODE_OBSERVE if observed else pb.MODE_ENFORCE,
    ).SerializeToString()


def _duration(seconds: float) -> bytes:
    """A google.protobuf.Duration."""
    whole, nanos = divmod(round(seconds * 1e9), 1_000_000_000)
    return b"\x08" + _varint(whole) + b"\x10" + _varint(nanos)


def _text(tag: bytes, text: str) -> bytes:
    return _framed(tag, text.encode("utf-8", "replace")) if text else b""


def _framed(tag: bytes, content: bytes) -> bytes:
    size = len(content)
    return tag + (_SMALL[size] if size < 128 else _varint(size)) + content


def _varint(number: int) -> bytes:
    if number < 16_384:
        return _SMALL[number] if number < 128 else bytes((number & 127 | 128, number >> 7))
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_VERDICTS = {
    Verdict.ALLOW: pb.VERDICT_ALLOW,
    Verdict.THROTTLE: pb.VERDICT_THROTTLE,
    Verdict.DENY: pb.VERDICT_DENY,
}
_SMALL = [bytes([number]) for number in range(128)]
_double = struct.Struct("<d").pack
