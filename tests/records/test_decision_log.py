"""The log holds what was decided, drops rather than blocks, and survives what goes wrong."""

import threading
from pathlib import Path

import msgspec
import pytest

from riskengine.clock import ManualClock, SystemClock
from riskengine.decision import Decision, LimitState, RuleHit, Verdict
from riskengine.inspection import Inspection
from riskengine.normalize import normalize_path
from riskengine.outcome import Outcome
from riskengine.records.decision_lines import DecisionLine, OutcomeReport
from riskengine.records.decision_log import DecisionLog
from riskengine.request import Request, make_request

AT = 1_772_359_200.25
HIT = RuleHit("rate_limits", "login", Verdict.THROTTLE, "rate_limit.exceeded", "ip", False, 2.5)


def request(client_ip: str = "203.0.113.7") -> Request:
    headers = (("cookie", "sid=secret"), ("accept", "*/*"))
    return make_request(
        client_ip=client_ip, method="GET", path="/cart", headers=headers, session_id="session-1"
    )


def inspection(req: Request | None = None) -> Inspection:
    req = req or request()
    found = Inspection(req, normalize_path(req.path), None, AT)
    found.profile_key = "default/s:session-1"
    found.features = [0.5, float("nan"), 3.0]
    return found


def decision(number: int = 1) -> Decision:
    return Decision(
        decision_id=f"d-{number}",
        verdict=Verdict.THROTTLE,
        stage="rate_limits",
        rule_id="login",
        reason="rate_limit.exceeded",
        retry_after_s=2.5,
        hits=(HIT,),
        limits=(LimitState("login", 5, 0, 60.0, 2.5),),
        ruleset_revision="r1",
        degraded=("model",),
    )


def lines(directory: Path) -> list[DecisionLine | OutcomeReport]:
    decoder: msgspec.json.Decoder[DecisionLine | OutcomeReport] = msgspec.json.Decoder(
        DecisionLine | OutcomeReport
    )
    raw = b"".join(path.read_bytes() for path in sorted(directory.glob("decisions-*")))
    return [decoder.decode(line) for line in raw.splitlines()]


def test_logged_decision_says_what_was_asked_and_what_was_answered(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, clock=ManualClock(), features_version="v1")
    log.record([inspection()], [decision()])
    log.close()
    [line] = lines(tmp_path)
    assert isinstance(line, DecisionLine)
    assert line.at.timestamp() == AT
    assert line.request.path == "/cart"
    assert line.request.withheld == {"header.cookie": 10}
    assert line.profile == "default/s:session-1"
    assert line.features == [0.5, None, 3.0], "missing is null, never zero"
    assert line.features_version == "v1"
    assert line.decision.verdict == "throttle"
    assert line.decision.limits == (LimitState("login", 5, 0, 60.0, 2.5),)
    assert [hit.to_hit() for hit in line.decision.hits] == [HIT]
    assert line.decision.degraded == ("model",)


def test_outcomes_follow_the_decisions_they_belong_to(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, clock=ManualClock())
    log.record([inspection()], [decision()])
    log.record_outcomes([Outcome("d-1", 404, 12, 0.25)], AT + 1)
    log.close()
    _, line = lines(tmp_path)
    assert isinstance(line, OutcomeReport)
    assert (line.decision_id, line.status, line.bytes, line.latency_ms) == ("d-1", 404, 12, 250.0)
    assert line.at.timestamp() == AT + 1


def test_closing_writes_everything_that_was_taken(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, clock=SystemClock())
    for number in range(1_000):
        log.record([inspection()], [decision(number)])
    log.close()
    log.close()
    assert log.counts == (1_000, 0, 0, 0)
    written = [
        line.decision.decision_id
        for line in lines(tmp_path)
        if line is not None and isinstance(line, DecisionLine)
    ]
    assert written == [f"d-{number}" for number in range(1_000)]
    assert not list(tmp_path.glob("*.open"))


def test_full_queue_drops_and_counts(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, clock=ManualClock(), queue_size=10)
    log.record([inspection()] * 11, [decision()] * 11)
    assert log.counts.dropped == 11
    log.record([inspection()] * 10, [decision()] * 10)
    log.close()
    log.record([inspection()], [decision()])
    assert log.counts == (10, 12, 0, 0)


def test_unwritable_directory_never_reaches_the_engine(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "log").write_text("a file, not a directory")
    log = DecisionLog(tmp_path / "log", clock=ManualClock())
    log.record([inspection()] * 3, [decision()] * 3)
    log.close()
    assert log.counts == (0, 0, 3, 0)
    assert len(caplog.records) == 1


def test_entry_that_cannot_be_encoded_is_lost_and_counted(tmp_path: Path) -> None:
    bad = msgspec.structs.replace(request(), host="\ud800")
    log = DecisionLog(tmp_path, clock=ManualClock())
    log.record([inspection(bad)], [decision(1)])
    log.record([inspection()], [decision(2)])
    log.close()
    assert log.counts == (1, 0, 1, 0)


def test_hash_key_leaves_no_identifier_in_the_file(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, clock=ManualClock(), hash_key=b"0123456789abcdef")
    log.record([inspection()], [decision()])
    log.close()
    [path] = tmp_path.iterdir()
    text = path.read_text()
    assert "203.0.113.7" not in text
    assert "session-1" not in text


def test_two_workers_write_segments_of_their_own(tmp_path: Path) -> None:
    clock = ManualClock()
    logs = [DecisionLog(tmp_path, clock=clock, worker=worker) for worker in "01"]
    for log in logs:
        log.record([inspection()], [decision()])
        log.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert len(lines(tmp_path)) == 2


def test_closed_log_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    log = DecisionLog(tmp_path, clock=ManualClock())
    log.close()
    assert threading.active_count() == before
    assert not list(tmp_path.iterdir()), "nothing to write, nothing created"
