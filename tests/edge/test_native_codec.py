from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from riskengine.decision import Decision, LimitState, RuleHit, Verdict
from riskengine.edge.native_decoding import (
    ArrivedBatch,
    decode_outcomes,
    decode_request,
)
from riskengine.edge.native_encoding import (
    encode_batch,
    encode_decision,
    encode_outcomes_response,
)
from riskengine.edge.raw_request_pb2 import RawBatch, RawRequest
from riskengine.errors import InvalidRequestError
from riskengine.v1 import riskengine_pb2 as pb

text = st.text(max_size=200)
seconds = st.floats(min_value=0, max_value=1e9)
verdicts = st.sampled_from(Verdict)
hits = st.builds(RuleHit, text, text, verdicts, text, text, st.booleans())
limits = st.builds(
    LimitState,
    text,
    limit=st.integers(1, 2**40),
    remaining=st.integers(0, 2**40),
    window_s=seconds,
    retry_after_s=seconds,
    observed=st.booleans(),
)
decisions = st.builds(
    Decision,
    decision_id=text,
    request_id=text,
    verdict=verdicts,
    stage=text,
    rule_id=text,
    reason=text,
    retry_after_s=st.none() | seconds,
    anomaly_score=st.none() | st.floats(0, 1),
    hits=st.lists(hits, max_size=3).map(tuple),
    limits=st.lists(limits, max_size=3).map(tuple),
    ruleset_revision=text,
    model_version=text,
    degraded=st.lists(text, max_size=2).map(tuple),
)


def duration(value: float) -> Duration:
    nanos = round(value * 1e9)
    return Duration(seconds=nanos // 10**9, nanos=nanos % 10**9)


def mode(observed: bool) -> Any:
    return pb.MODE_OBSERVE if observed else pb.MODE_ENFORCE


def as_message(decision: Decision) -> pb.Decision:
    """The obvious translation, which the fast one must equal."""
    message = pb.Decision(
        request_id=decision.request_id,
        decision_id=decision.decision_id,
        verdict=pb.Verdict.Name(decision.verdict.value),  # type: ignore[arg-type] # names are taken
        stage=decision.stage,
        rule_id=decision.rule_id,
        reason=decision.reason,
        anomaly_score=decision.anomaly_score,
        ruleset_revision=decision.ruleset_revision,
        model_version=decision.model_version,
        degraded=decision.degraded,
    )
    if decision.retry_after_s is not None:
        message.retry_after.CopyFrom(duration(decision.retry_after_s))
    for hit in decision.hits:
        message.hits.add(
            stage=hit.stage,
            rule_id=hit.rule_id,
            verdict=pb.Verdict.Name(hit.verdict.value),  # type: ignore[arg-type] # names are taken
            mode=mode(hit.observed),
            reason=hit.reason,
            detail=hit.detail,
        )
    for limit in decision.limits:
        state = message.limits.add(
            rule_id=limit.rule_id,
            limit=limit.limit,
            remaining=limit.remaining,
            window=duration(limit.window_s),
            mode=mode(limit.observed),
        )
        if limit.retry_after_s:
            state.retry_after.CopyFrom(duration(limit.retry_after_s))
    return message


@given(decisions)
def test_encoded_decision_says_what_the_obvious_translation_says(decision: Decision) -> None:
    assert pb.Decision.FromString(encode_decision(decision)) == as_message(decision)


@given(st.lists(decisions, max_size=4))
def test_batch_holds_the_decisions_in_order(several: list[Decision]) -> None:
    answer = pb.EvaluateBatchResponse.FromString(encode_batch(several))
    assert list(answer.decisions) == [as_message(decision) for decision in several]


def test_lone_surrogates_from_odd_input_do_not_break_an_answer() -> None:
    hit = RuleHit("parameters", "rule", Verdict.DENY, "odd", "found \ud800")
    decision = Decision(decision_id="d\ud800", hits=(hit,))
    message = pb.Decision.FromString(encode_decision(decision))
    assert (message.decision_id, message.hits[0].detail) == ("d?", "found ?")


def test_every_field_of_a_request_arrives() -> None:
    message = pb.EvaluateRequest(
        request_id="r", namespace="shop", client_ip="::ffff:203.0.113.7", method="POST",
        scheme="https", host="shop.example", path="/a", query="b=c", http_version="2",
        headers=[pb.Header(name="X-One", value="1"), pb.Header(name="x-one", value="2")],
        body=b"x\x00", body_size=7, user_id="u", session_id="s", device_id="d",
        tls_fingerprint="t", attributes={"k": "v"},
        received_at=Timestamp(seconds=1_700_000_000, nanos=500_000_000),
    )  # fmt: skip
    request = decode_request(message.SerializeToString())
    assert request.address.text == "203.0.113.7"
    assert request.headers == (("x-one", "1"), ("x-one", "2"))
    assert request.received_at == 1_700_000_000.5
    assert (request.body, request.body_size) == (b"x\x00", 7)
    assert request.attributes == {"k": "v"}
    plain = (
        "request_id", "namespace", "method", "scheme", "host", "path", "query", "http_version",
        "user_id", "session_id", "device_id", "tls_fingerprint",
    )  # fmt: skip
    for field in plain:
        assert getattr(request, field) == getattr(message, field)
    assert {f.name for f in message.DESCRIPTOR.fields} == {
        *plain, "client_ip", "headers", "headers_partial", "body", "body_size", "attributes",
        "received_at",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("received_at", Timestamp(seconds=-1)),
        ("received_at", Timestamp(seconds=2**62)),
        ("body_size", -(2**63)),
        ("client_ip", "010.0.0.1"),
        ("client_ip", "1.2.3.4\n"),
        ("client_ip", "fe80::1%eth0"),
        ("client_ip", "[::1]:80"),
        ("request_id", "x" * 129),
        ("namespace", "a:b"),
    ],
)
def test_unusable_value_names_its_field(field: str, value: Any) -> None:
    fields: dict[str, Any] = {"client_ip": "::1", "method": "GET", "path": "/", field: value}
    with pytest.raises(InvalidRequestError) as caught:
        decode_request(pb.EvaluateRequest(**fields).SerializeToString())
    assert caught.value.field == field


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_words(message: bytes) -> None:
    for decode in (decode_request, decode_outcomes, lambda m: list(ArrivedBatch(m))):
        with suppress(InvalidRequestError):
            decode(message)


def test_refused_request_of_a_batch_echoes_a_bounded_id() -> None:
    batch = pb.EvaluateBatchRequest(requests=[pb.EvaluateRequest(request_id="x" * 5_000)])
    arrived = ArrivedBatch(batch.SerializeToString())
    assert list(arrived) == []
    [refusal] = arrived.answered([])
    assert refusal.request_id == "x" * 128


def test_refusals_stand_where_their_requests_stood() -> None:
    good = pb.EvaluateRequest(client_ip="::1", method="GET", path="/")
    batch = pb.EvaluateBatchRequest(
        requests=[
            pb.EvaluateRequest(request_id="a"),
            good,
            pb.EvaluateRequest(request_id="b"),
            good,
        ]
    )
    arrived = ArrivedBatch(batch.SerializeToString())
    assert len(arrived) == 4
    decided = [Decision(f"d{place}") for place, _ in enumerate(arrived)]
    answers = list(arrived.answered(decided))
    assert [one.decision_id for one in answers] == ["", "d0", "", "d1"]
    assert [one.request_id for one in answers] == ["a", "", "b", ""]


def test_latency_of_an_outcome_is_missing_unless_measured() -> None:
    outcomes = [
        pb.Outcome(decision_id="a", status=200, bytes=5, latency=Duration(nanos=250_000_000)),
        pb.Outcome(decision_id="b", status=599),
    ]
    first, second = decode_outcomes(pb.ReportOutcomesRequest(outcomes=outcomes).SerializeToString())
    assert (first.bytes, first.latency_s) == (5, 0.25)
    assert second.latency_s is None


def test_more_than_4096_outcomes_name_the_field() -> None:
    outcomes = [pb.Outcome(decision_id="a", status=200)] * 4_097
    message = pb.ReportOutcomesRequest(outcomes=outcomes).SerializeToString()
    with pytest.raises(InvalidRequestError, match=r"^outcomes: must be at most 4096, got 4097$"):
        decode_outcomes(message)


def test_outcomes_response_counts_both() -> None:
    answer = pb.ReportOutcomesResponse.FromString(encode_outcomes_response(accepted=2, unknown=3))
    assert (answer.accepted, answer.unknown) == (2, 3)


@pytest.mark.parametrize(
    ("headers", "partial", "known"),
    [
        ([pb.Header(name="Accept", value="*/*")], False, True),
        ([pb.Header(name="Accept", value="*/*")], True, False),
        ([], False, False),
    ],
)
def test_headers_that_a_gateway_does_not_know_are_unknown_not_absent(
    headers: list[pb.Header], partial: bool, known: bool
) -> None:
    message = pb.EvaluateRequest(
        client_ip="203.0.113.7", method="GET", path="/", headers=headers, headers_partial=partial
    )
    assert decode_request(message.SerializeToString()).headers_known is known


def test_raw_requests_have_the_fields_of_the_contract_but_for_their_headers() -> None:
    def facts(message: Any) -> set[tuple[str, int, int]]:
        return {(f.name, f.number, f.type) for f in message.DESCRIPTOR.fields}

    promised, raw = facts(pb.EvaluateRequest), facts(RawRequest)
    differing = {field[0] for field in promised ^ raw}
    assert differing == {"headers"}
    assert {(n, number) for n, number, _ in promised} == {(n, number) for n, number, _ in raw}
    assert RawBatch.DESCRIPTOR.fields_by_name["requests"].number == 1


def test_a_header_that_is_no_header_makes_the_message_unreadable() -> None:
    message = RawRequest(client_ip="203.0.113.7", method="GET", path="/", headers=[b"\xff\xff"])
    with pytest.raises(InvalidRequestError, match=r"no riskengine\.v1\.EvaluateRequest"):
        decode_request(message.SerializeToString())
