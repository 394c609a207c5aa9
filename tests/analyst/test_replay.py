"""The same log gives the same result, and what was logged is decided again as it was."""

import itertools
from pathlib import Path

import pytest

from riskengine.analyst.log_readers import LogReader
from riskengine.analyst.replay import ReplayReport, Run, replay
from riskengine.analyst.traffic import LoggedRequest
from riskengine.clock import ManualClock
from riskengine.decision import Decision
from riskengine.engine import Engine, Loaded
from riskengine.origin.verification import BotVerifier
from riskengine.outcome import Outcome
from riskengine.records.decision_log import DecisionLog
from riskengine.records.lines import RequestLine
from riskengine.records.metrics import Metrics
from riskengine.request import make_request
from riskengine.ruleset.loader import load_ruleset
from tests.analyst.small_shop import AT, line, traffic, write_rules, write_traffic
from tests.origin.test_verification import Steered


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return write_rules(tmp_path / "rules")


def loaded(rules: Path) -> Loaded:
    return Loaded(load_ruleset(rules), None)


async def run(path: Path, rules: Path, against: Path | None = None) -> ReplayReport:
    other = None if against is None else loaded(against)
    return await replay(LogReader(path), loaded(rules), against=other)


async def decide_live(
    lines: list[RequestLine], rules: Path, log: DecisionLog | None
) -> list[Decision]:
    """What a service on the clock of the requests decides, batch by batch."""
    engine = Engine(
        load_ruleset(rules),
        clock=ManualClock(lines[0].received_at.timestamp()),
        believe_received_at=True,
        records=[] if log is None else [log],
        decision_ids=map("live-{}".format, itertools.count()).__next__,
    )
    decisions: list[Decision] = []
    for start in range(0, len(lines), 3):
        batch = lines[start : start + 3]
        decided = await engine.evaluate([one.to_request() for one in batch])
        outcomes = [
            Outcome(decision.decision_id, one.outcome.status)
            for one, decision in zip(batch, decided, strict=True)
            if one.outcome is not None
        ]
        engine.report_outcomes(outcomes, at=batch[-1].received_at.timestamp())
        decisions += decided
    await engine.close()
    return decisions


async def test_funnel_shows_what_each_stage_and_rule_stopped(tmp_path: Path, rules: Path) -> None:
    report = await run(write_traffic(tmp_path / "t.jsonl", traffic()), rules)
    funnel = report.result.funnel
    assert (funnel.requests, funnel.allowed, funnel.throttled, funnel.denied) == (11, 5, 3, 3)
    told = {stage.stage: [(r.rule_id, r.reason) for r in stage.rules] for stage in funnel.stages}
    assert told["addresses"] == [("bad", "address.blocklisted")]
    assert ("no-php", "path.forbidden") in told["parameters"]
    assert told["rate_limits"] == [("login-limit", "rate_limit.exceeded")]


async def test_scorecard_follows_the_labels(tmp_path: Path, rules: Path) -> None:
    report = await run(write_traffic(tmp_path / "t.jsonl", traffic()), rules)
    card = report.result.scorecard
    assert card is not None
    shares = {row.kind: row.requests_stopped_share for row in card.kinds}
    assert shares == {"prober": 1.0, "stuffer": 0.5, "shopper": pytest.approx(1 / 3, abs=1e-6)}


async def test_same_log_gives_the_same_bytes(tmp_path: Path, rules: Path) -> None:
    path = write_traffic(tmp_path / "t.jsonl", traffic() * 40)
    first, second = await run(path, rules), await run(path, rules)
    assert first.to_json() == second.to_json()


async def test_window_runs_on_the_time_of_the_log(tmp_path: Path, rules: Path) -> None:
    logins = [line(61.0 * n, method="POST", path="/login", body="a=b") for n in range(8)]
    report = await run(write_traffic(tmp_path / "t.jsonl", logins), rules)
    assert report.result.funnel.allowed == 8


async def test_second_ruleset_shows_what_it_decides_otherwise(tmp_path: Path, rules: Path) -> None:
    looser = write_rules(tmp_path / "looser", login_limit=5)
    report = await run(write_traffic(tmp_path / "t.jsonl", traffic()), rules, looser)
    assert report.difference is not None
    assert report.against is not None
    assert (report.difference.compared, report.difference.verdicts_changed) == (11, 2)
    [change] = report.difference.changes
    assert (change.before.verdict, change.before.rule_id) == ("throttle", "login-limit")
    assert (change.after.verdict, change.after.stage, change.requests) == ("allow", "", 2)
    assert [example.line for example in report.difference.examples] == [9, 10]
    assert report.against.funnel.throttled == 1


async def test_same_rules_twice_differ_in_nothing(tmp_path: Path, rules: Path) -> None:
    report = await run(write_traffic(tmp_path / "t.jsonl", traffic()), rules, rules)
    assert report.difference is not None
    assert report.difference.changes == []


@pytest.mark.parametrize("hash_key", [None, b"0123456789abcdef"], ids=["plain", "hashed"])
async def test_replayed_decision_log_decides_as_the_service_did(
    tmp_path: Path, rules: Path, hash_key: bytes | None
) -> None:
    log = DecisionLog(tmp_path / "log", clock=ManualClock(), hash_key=hash_key)
    live = await decide_live(traffic(), rules, log)
    report = await run(tmp_path / "log", rules)
    since = report.result.since_recorded
    assert since is not None
    assert (since.compared, since.changes) == (len(live), [])
    assert report.lines.outcomes > 0


async def test_stage_whose_input_was_withheld_answers_from_the_record(
    tmp_path: Path, rules: Path
) -> None:
    """The token breaks its pattern; the log has only its length, which alone would break it too."""
    lines = [
        line(0, path="/search", query="token=small"),
        line(1, path="/search", query="token=NOT-SMALL"),
    ]
    live = await decide_live(lines, rules, DecisionLog(tmp_path / "log", clock=ManualClock()))
    assert [decision.verdict.word for decision in live] == ["allow", "deny"]
    report = await run(tmp_path / "log", rules)
    assert report.result.funnel.denied == 1
    assert report.result.carried_over == {"parameters": 2, "signatures": 1}
    assert report.result.since_recorded is not None
    assert report.result.since_recorded.changes == []


async def test_signatures_that_fired_on_what_was_withheld_stop_it_in_replay_too(
    tmp_path: Path, rules: Path
) -> None:
    (rules / "own").mkdir()
    (rules / "own" / "own.conf").write_text(
        'SecRule ARGS:token "@contains bad" '
        '"id:1,phase:2,pass,setvar:tx.inbound_anomaly_score_pl1=+5"\n'
        'SecRule TX:inbound_anomaly_score_pl1 "@ge 5" "id:9,phase:2,deny,nolog"\n'
    )
    (rules / "signatures.yaml").write_text(
        "sets:\n  - {id: own, description: Ours., directory: own}\n"
    )
    lines = [line(0, path="/search", query="token=bad"), line(1, path="/search", query="token=ok")]
    live = await decide_live(lines, rules, DecisionLog(tmp_path / "log", clock=ManualClock()))
    assert [decision.verdict.word for decision in live] == ["deny", "allow"]
    report = await run(tmp_path / "log", rules)
    assert report.result.funnel.denied == 1
    assert report.result.since_recorded is not None
    assert report.result.since_recorded.changes == []


async def test_what_was_never_judged_is_missing_and_says_so(tmp_path: Path, rules: Path) -> None:
    """The blocklist stopped it then; without the list, what would the next stage say?."""
    lines = [line(0, client_ip="198.51.100.9", path="/search", query="token=small")]
    await decide_live(lines, rules, DecisionLog(tmp_path / "log", clock=ManualClock()))
    (rules / "addresses.yaml").unlink()
    report = await run(tmp_path / "log", rules)
    assert report.result.not_recorded == {"parameters": 1, "signatures": 1}
    assert report.result.carried_over == {}
    assert report.result.funnel.degraded == {"parameters": 1, "signatures": 1}


async def test_outcome_of_what_is_stopped_now_is_not_learned(tmp_path: Path, rules: Path) -> None:
    """It would never have had one."""
    path = write_traffic(tmp_path / "t.jsonl", [one for one in traffic() if one.outcome])
    metrics = Metrics()
    replayed = Run(loaded(rules), records=[metrics])
    entries = [entry for entry in LogReader(path) if isinstance(entry, LoggedRequest)]
    await replayed.decide(entries)
    assert len(entries) == 8
    assert metrics.outcomes == {2: 2, 4: 3}, "three of the six logins are throttled"


async def test_progress_ends_at_the_size_of_the_file(tmp_path: Path, rules: Path) -> None:
    path = write_traffic(tmp_path / "t.jsonl", traffic() * 20)
    seen: list[int] = []
    await replay(LogReader(path), loaded(rules), on_progress=seen.append)
    assert seen[-1] == path.stat().st_size
    assert seen == sorted(seen)


async def test_malformed_lines_are_part_of_the_report(tmp_path: Path, rules: Path) -> None:
    path = write_traffic(tmp_path / "t.jsonl", traffic())
    path.write_bytes(path.read_bytes() + b"broken\n")
    report = await run(path, rules)
    assert report.lines.malformed == 1
    assert [malformed.line for malformed in report.malformed] == [12]


async def test_log_without_a_single_request_is_a_report_of_nothing(
    tmp_path: Path, rules: Path
) -> None:
    path = tmp_path / "access.log"
    path.write_text('203.0.113.7 - - [01/Mar/2026:10:00:00 +0000] "-" 408 -\n')
    report = await run(path, rules)
    assert report.result.funnel.requests == 0
    assert report.lines.without_request == 1
    assert (report.first_at, report.last_at) == (None, None)


BOTS = """
bots:
  - {id: namebot, description: x, user_agents: [NameBot], domains: [bots.example]}
"""


@pytest.mark.parametrize("hash_key", [None, b"sixteen bytes or more"])
async def test_what_the_dns_said_of_bots_stands_in_replay(
    tmp_path: Path, rules: Path, hash_key: bytes | None
) -> None:
    (rules / "bots.yaml").write_text(BOTS)
    clock = ManualClock(AT)
    verifier = BotVerifier(Steered(), clock)
    log = DecisionLog(tmp_path / "log", clock=clock, hash_key=hash_key)
    engine = Engine(load_ruleset(rules), clock=clock, records=[log], verifier=verifier)
    live = []
    for client_ip in ("192.0.2.10", "198.51.100.9"):
        for _ in range(2):
            request = make_request(
                client_ip=client_ip, method="GET", path="/", headers=(("user-agent", "NameBot"),)
            )
            live += await engine.evaluate([request])
            await verifier.settle()
            clock.advance(1)
    await engine.close()
    assert [[hit.reason for hit in d.hits] for d in live] == [
        [], ["bot.verified"], ["address.blocklisted"], ["address.blocklisted", "bot.spoofed"],
    ]  # fmt: skip
    report = await run(tmp_path / "log", rules)
    assert report.result.since_recorded is not None
    assert report.result.since_recorded.verdicts_changed == 0
    assert report.result.carried_over["addresses"] == (2 if hash_key is None else 4)
