"""riskengine.v1 to the wire: decisions to bytes."""

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache

from google.protobuf.duration_pb2 import Duration

from riskengine.decision import Decision, LimitState, RuleHit, Verdict
from riskengine.v1 import riskengine_pb2 as pb

_COUNT_MAX = 2**63 - 1


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
