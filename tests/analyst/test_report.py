"""Counts that add up, and the same bytes for the same decisions."""

import msgspec
import pytest
from rich.console import Console

from riskengine.analyst.report import STAGES, FunnelReport, FunnelTally, sum_of
from riskengine.analyst.scorecard import ScoreTally
from riskengine.analyst.tables import bar, funnel_table, scorecard_table
from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.records.lines import Label


def stopped(stage: str, rule_id: str, verdict: Verdict) -> Decision:
    hit = RuleHit(stage, rule_id, verdict, f"{stage}.reason")
    return Decision(
        decision_id="1",
        verdict=verdict,
        stage=stage,
        rule_id=rule_id,
        reason=hit.reason,
        hits=(hit,),
    )


ALLOWED = Decision(decision_id="1")
WATCHED = Decision(
    decision_id="1",
    hits=(RuleHit("behavior", "odd", Verdict.DENY, "behavior.anomalous", observed=True),),
    degraded=("store",),
)
DENIED = stopped("addresses", "bad", Verdict.DENY)
THROTTLED = stopped("rate_limits", "login", Verdict.THROTTLE)
WELCOME = stopped("addresses", "friends", Verdict.ALLOW)


def test_each_stage_sees_what_the_ones_before_it_left() -> None:
    report = sum_of([DENIED, DENIED, THROTTLED, ALLOWED, WELCOME])
    assert (report.requests, report.allowed, report.throttled, report.denied) == (5, 2, 1, 2)
    assert [stage.stage for stage in report.stages] == list(STAGES)
    assert [stage.entered for stage in report.stages] == [5, 3, 3, 3, 2]
    assert [stage.stopped for stage in report.stages] == [2, 0, 0, 1, 0]


def test_rules_tell_what_they_decided_and_what_they_only_saw() -> None:
    report = sum_of([DENIED, WATCHED, WELCOME])
    addresses, behavior = report.stages[0], report.stages[4]
    assert [(r.rule_id, r.denied, r.allowed) for r in addresses.rules] == [
        ("bad", 1, 0),
        ("friends", 0, 1),
    ]
    assert [(r.rule_id, r.denied, r.observed) for r in behavior.rules] == [("odd", 0, 1)]
    assert behavior.stopped == 0
    assert report.degraded == {"store": 1}


def test_stage_that_nobody_foresaw_is_shown_all_the_same() -> None:
    report = sum_of([stopped("reputation", "crs", Verdict.DENY)])
    assert report.stages[-1].stage == "reputation"
    assert report.stages[-1].stopped == 1


def test_report_is_the_same_whatever_the_order_of_decisions() -> None:
    decisions = [DENIED, THROTTLED, WATCHED, WELCOME, stopped("addresses", "other", Verdict.DENY)]
    assert msgspec.json.encode(sum_of(decisions)) == msgspec.json.encode(sum_of(decisions[::-1]))


def test_empty_tally_is_a_report_of_nothing() -> None:
    report = FunnelTally().report()
    assert report.requests == 0
    assert "in" in rendered(report)


def test_scorecard_counts_requests_and_clients() -> None:
    tally = ScoreTally()
    bot, person = Label(True, "scraper"), Label(False, "shopper")
    for client, verdict in (("b1", Verdict.DENY), ("b1", Verdict.ALLOW), ("b2", Verdict.ALLOW)):
        tally.add(bot, client, verdict)
    for client, verdict in (("p1", Verdict.THROTTLE), ("p2", Verdict.ALLOW), ("p2", Verdict.ALLOW)):
        tally.add(person, client, verdict)
    card = tally.scorecard()
    assert card is not None
    assert (card.requests.bad, card.requests.bad_stopped) == (3, 1)
    assert card.requests.precision == 0.5
    assert card.requests.recall == pytest.approx(1 / 3, abs=1e-6)
    assert card.requests.false_positive_rate == pytest.approx(1 / 3, abs=1e-6)
    assert (card.clients.bad, card.clients.bad_stopped, card.clients.recall) == (2, 1, 0.5)
    assert [row.kind for row in card.kinds] == ["scraper", "shopper"], "bad kinds come first"
    assert card.kinds[0].precision == 0.5
    assert card.kinds[1].precision is None


def test_scorecard_divides_nothing_by_nothing() -> None:
    assert ScoreTally().scorecard() is None
    tally = ScoreTally()
    tally.add(Label(False, "shopper"), "p", Verdict.ALLOW)
    card = tally.scorecard()
    assert card is not None
    assert (card.requests.precision, card.requests.recall) == (None, None)
    console = Console(width=100)
    with console.capture() as shown:
        console.print(scorecard_table(card))
    assert "precision -, recall -" in shown.get()


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0.0, ""), (1.0, "████"), (0.5, "██"), (0.25 + 1 / 32, "█▏"), (1e-9, "▏"), (7.0, "████")],
)
def test_bars_are_exact_to_an_eighth_and_nothing_that_happened_is_invisible(
    share: float, drawn: str
) -> None:
    assert bar(share, 4) == drawn


def test_table_names_every_rule_that_stopped_something() -> None:
    text = rendered(sum_of([DENIED, THROTTLED, ALLOWED]))
    for word in ("bad", "login", "deny: addresses.reason", "throttle: rate_limits.reason"):
        assert word in text


def test_long_list_of_rules_is_cut_and_says_so() -> None:
    decisions = [stopped("addresses", f"rule-{n}", Verdict.DENY) for n in range(12)]
    assert "and 4 more" in rendered(sum_of(decisions))


def rendered(report: FunnelReport) -> str:
    console = Console(width=100)
    with console.capture() as shown:
        console.print(funnel_table(report))
    return shown.get()
