"""Envoy's truth table: an answer that can be misread is an open door."""

import pytest

from riskengine.decision import Decision, LimitState, Verdict
from riskengine.edge.check_response import encode_check_response, header_options
from riskengine.edge.envoy_api.external_auth_pb2 import CheckResponse


def answer(decision: Decision) -> CheckResponse:
    return CheckResponse.FromString(encode_check_response(decision))


def decision(verdict: Verdict, *, score: float | None = None) -> Decision:
    return Decision(
        decision_id="a-1",
        verdict=verdict,
        stage="rate_limits",
        rule_id="login",
        reason="rate_limit.exceeded",
        retry_after_s=3.0,
        anomaly_score=score,
        limits=(LimitState("login", 5, 0, 60.0, 3.0),),
    )


@pytest.mark.parametrize(
    ("verdict", "code", "kind", "status"),
    [
        (Verdict.ALLOW, 0, "ok_response", None),
        (Verdict.THROTTLE, 8, "denied_response", 429),
        (Verdict.DENY, 7, "denied_response", 403),
    ],
)
def test_verdict_status_and_answer_say_the_same(
    verdict: Verdict, code: int, kind: str, status: int | None
) -> None:
    response = answer(decision(verdict))
    assert response.HasField("status")
    assert response.status.code == code
    assert response.WhichOneof("http_response") == kind
    if status is not None:
        assert response.denied_response.status.code == status
        assert response.denied_response.body


def test_every_verdict_has_a_line_in_the_table() -> None:
    assert set(Verdict) == {Verdict.ALLOW, Verdict.THROTTLE, Verdict.DENY}


def test_allow_is_never_an_empty_message() -> None:
    assert encode_check_response(Decision(decision_id=""))


def test_headers_overwrite_and_stand_in_value() -> None:
    headers = answer(decision(Verdict.THROTTLE)).denied_response.headers
    assert {"retry-after", "ratelimit", "ratelimit-policy", "x-envoy-ratelimited"} <= {
        option.header.key for option in headers
    }
    for option in headers:
        assert option.HasField("append")
        assert not option.append.value
        assert option.header.value
        assert not option.header.raw_value


@pytest.mark.parametrize("verdict", list(Verdict))
def test_access_log_learns_why(verdict: Verdict) -> None:
    assert dict(answer(decision(verdict, score=0.25)).dynamic_metadata) == {
        "decision_id": "a-1",
        "verdict": verdict.word,
        "stage": "rate_limits",
        "rule_id": "login",
        "reason": "rate_limit.exceeded",
        "score": 0.25,
    }


def test_unscored_request_has_no_score_rather_than_zero() -> None:
    assert "score" not in dict(answer(decision(Verdict.ALLOW)).dynamic_metadata)


def test_degraded_parts_are_named() -> None:
    degraded = Decision(decision_id="a-1", degraded=("store", "behavior"))
    assert dict(answer(degraded).dynamic_metadata)["degraded"] == "store,behavior"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "elsewhere.example"),
        (":path", "/admin"),
        ("", "x"),
        ("X-Upper", "x"),
        ("x y", "x"),
        ("x-fine\r\nset-cookie", "x"),
        ("x-fine", "a\r\nset-cookie: b"),
        ("x-fine", "a\nb"),
        ("x-fine", "a\0b"),
    ],
)
def test_header_that_would_redirect_or_split_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"^header"):
        header_options([(name, value)])
