"""What is counted is what is shown, under the names that the documentation lists."""

import re
from pathlib import Path

import pytest

from riskengine.decision import Decision, LimitState, RuleHit, Verdict
from riskengine.outcome import Outcome
from riskengine.records.address_metrics import BanState, ListState
from riskengine.records.decision_log import LogCounts
from riskengine.records.metrics import BREAKER_STATES, Metrics

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"

DENY = RuleHit("addresses", "bad-networks", Verdict.DENY, "address.blocklisted")
NEAR = LimitState("login", 10, 1, 60.0)
WATCH = RuleHit("behavior", "odd", Verdict.DENY, "behavior.anomalous", observed=True)


def denied() -> Decision:
    return Decision(
        decision_id="1",
        verdict=Verdict.DENY,
        stage="addresses",
        rule_id="bad-networks",
        reason="address.blocklisted",
        hits=(DENY,),
    )


def allowed() -> Decision:
    return Decision(decision_id="2", hits=(WATCH,), limits=(NEAR,), degraded=("store", "model"))


def complete() -> Metrics:
    metrics = Metrics()
    metrics.record([], [denied(), allowed(), allowed()], 0.003)
    metrics.record_outcomes([Outcome("2", 204), Outcome("2", 404)], 0.0)
    metrics.record_reload(True)
    metrics.record_reload(False)
    metrics.record_failure("behavior")
    metrics.log_counts = lambda: LogCounts(5, 4, 3, 2)
    metrics.store_state = lambda: "open"
    metrics.lists = lambda: [ListState("drop", 7200.0, True, 3, 1), ListState("geo", 60.0, False)]
    metrics.bans = lambda: BanState(2, 0.25)
    metrics.spared_requests = lambda: 7
    metrics.processes = lambda: 8
    return metrics


def test_lists_and_bans_tell_their_age_and_size() -> None:
    text = complete().exposition().decode()
    for sample in (
        'riskengine_list_age_seconds{list="drop"} 7200.0', 'riskengine_list_stale{list="drop"} 1.0',
        'riskengine_list_stale{list="geo"} 0.0', 'riskengine_list_networks{list="drop"} 3.0',
        'riskengine_list_unreadable_lines{list="drop"} 1.0', "riskengine_bans 2.0",
        "riskengine_bans_age_seconds 0.25",
    ):  # fmt: skip
        assert sample in text
    assert 'riskengine_list_networks{list="geo"}' not in text, "a database does not tell"


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_decisions_are_counted_by_verdict_stage_and_reason() -> None:
    metrics = complete()
    name = "riskengine_decisions_total"
    blocked = {"verdict": "deny", "stage": "addresses", "reason": "address.blocklisted"}
    assert value(metrics, name, **blocked) == 1
    assert value(metrics, name, verdict="allow", stage="", reason="ok") == 2


def test_requests_are_near_a_limit_from_80_per_cent_on_unless_it_refuses_them() -> None:
    metrics = Metrics()
    refused = RuleHit("rate_limits", "login", Verdict.THROTTLE, "rate_limit.exceeded")
    for remaining, hits in ((3, ()), (2, ()), (1, ()), (0, ()), (0, (refused,))):
        state = LimitState("login", 10, remaining, 60.0)
        metrics.record([], [Decision(decision_id="1", limits=(state,), hits=hits)], 0.001)
    name = "riskengine_limit_near_total"
    assert value(metrics, name, rule_id="login", mode="enforce") == 3


def test_rules_are_counted_whether_or_not_they_decide() -> None:
    metrics, name = complete(), "riskengine_rule_hits_total"
    assert value(metrics, name, stage="behavior", rule_id="odd", mode="observe") == 2
    assert value(metrics, name, stage="addresses", rule_id="bad-networks", mode="enforce") == 1


def test_what_went_wrong_is_counted() -> None:
    metrics = complete()
    assert value(metrics, "riskengine_degraded_decisions_total", part="store") == 2
    assert value(metrics, "riskengine_stage_failures_total", stage="behavior") == 1
    assert value(metrics, "riskengine_ruleset_reloads_total", result="ok") == 1
    assert value(metrics, "riskengine_ruleset_reloads_total", result="failed") == 1
    assert value(metrics, "riskengine_outcomes_total", status_class="4xx") == 1


def test_latency_is_counted_once_for_every_decision_of_a_batch() -> None:
    metrics = complete()
    name = "riskengine_decision_latency_seconds"
    assert value(metrics, f"{name}_count") == 3
    assert value(metrics, f"{name}_bucket", le="0.002") == 0
    assert value(metrics, f"{name}_bucket", le="0.005") == 3
    assert value(metrics, f"{name}_bucket", le="+Inf") == 3
    assert value(metrics, f"{name}_sum") == pytest.approx(0.009)


def test_log_and_store_tell_their_state_when_asked() -> None:
    metrics = complete()
    for result, count in (("written", 5), ("dropped", 4), ("lost", 3)):
        assert value(metrics, "riskengine_log_lines_total", result=result) == count
    assert value(metrics, "riskengine_log_segments_removed_total") == 2
    states = [value(metrics, "riskengine_store_breaker", state=s) for s in BREAKER_STATES]
    assert states == [0, 0, 1]


def test_two_engines_never_mix_their_counts() -> None:
    complete()
    assert b"riskengine_decisions_total{" not in Metrics().exposition()


def test_every_metric_is_documented_and_nothing_else() -> None:
    text = complete().exposition().decode()
    shown = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    documented = set(re.findall(r"^\| `(riskengine_\w+)`", DOCS.read_text(), re.MULTILINE))
    assert documented == shown
