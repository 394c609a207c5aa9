"""What a stopped client is told, to the letter."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.decision import Decision, LimitState, RuleHit, Verdict
from riskengine.edge.http_answer import RETRY_AFTER_S, http_answer

FULL = LimitState("login", 5, 0, 60.0, 41.2)
ROOM = LimitState("pages", 300, 295, 60.0)
OBSERVED = LimitState("secret-plan", 7, 0, 60.0, 12.0, observed=True)


def throttle(*limits: LimitState, retry_after_s: float | None = None) -> Decision:
    return Decision(
        decision_id="a-1",
        verdict=Verdict.THROTTLE,
        stage="rate_limits",
        rule_id="login",
        reason="rate_limit.exceeded",
        retry_after_s=retry_after_s,
        limits=limits,
    )


def test_throttle_says_when_to_come_back_and_which_limit_was_reached() -> None:
    answer = http_answer(throttle(FULL, ROOM, retry_after_s=41.2))
    assert answer.status == 429
    assert dict(answer.headers) == {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "retry-after": "42",
        "x-envoy-ratelimited": "true",
        "ratelimit": '"login";r=0;t=42, "pages";r=295;t=60',
        "ratelimit-policy": '"login";q=5;w=60, "pages";q=300;w=60',
    }
    assert json.loads(answer.body) == {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "Too Many Requests",
        "status": 429,
        "decision_id": "a-1",
        "violated-policies": ["login"],
    }


def test_throttle_for_odd_behaviour_names_no_limit_and_no_score() -> None:
    answer = http_answer(
        Decision(
            decision_id="a-1",
            verdict=Verdict.THROTTLE,
            stage="behavior",
            rule_id="odd-client",
            anomaly_score=0.83,
            retry_after_s=60,
        )
    )
    assert json.loads(answer.body)["type"].endswith("#abnormal-usage-detected")
    assert not {"ratelimit", "ratelimit-policy"} & dict(answer.headers).keys()
    assert "odd-client" not in str(answer)
    assert "0.83" not in str(answer)


def test_observed_limits_are_never_told() -> None:
    assert "secret-plan" not in str(http_answer(throttle(FULL, OBSERVED)))


@pytest.mark.parametrize(
    ("retry_after_s", "told"),
    [(None, str(RETRY_AFTER_S)), (0.0, "1"), (0.2, "1"), (1.0, "1"), (1.01, "2"), (3600.0, "3600")],
)
def test_retry_after_is_whole_seconds_and_never_too_early(
    retry_after_s: float | None, told: str
) -> None:
    answer = http_answer(throttle(FULL, retry_after_s=retry_after_s))
    assert dict(answer.headers)["retry-after"] == told


def test_deny_names_the_decision_and_nothing_that_was_found() -> None:
    hit = RuleHit("parameters", "sql-login", Verdict.DENY, "signature.sqli", "' OR 1=1")
    answer = http_answer(
        Decision(
            decision_id="a-1",
            verdict=Verdict.DENY,
            stage="parameters",
            rule_id="sql-login",
            reason="signature.sqli",
            hits=(hit,),
        )
    )
    assert answer.status == 403
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "decision_id": "a-1",
    }
    assert dict(answer.headers).keys() == {"content-type", "cache-control"}


def test_allowed_request_has_no_answer_of_ours() -> None:
    with pytest.raises(ValueError, match="answered by the shop"):
        http_answer(Decision(decision_id="a-1"))


@given(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
def test_no_header_can_be_split_by_what_a_limit_is_called(
    rule_id: str, count: int, seconds: float
) -> None:
    answer = http_answer(throttle(LimitState(rule_id, count, count, seconds, seconds)))
    for name, value in answer.headers:
        assert (name + value).isprintable()
        assert (name + value).isascii()
