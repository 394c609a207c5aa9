"""`riskengine replay` and `riskengine explain`, as somebody at a terminal or a pipe meets them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from riskengine.clock import ManualClock
from riskengine.records.decision_log import DecisionLog
from tests.analyst.small_shop import traffic, write_rules, write_traffic
from tests.analyst.test_replay import decide_live


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return write_rules(tmp_path / "rules")


def riskengine(*arguments: object, seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "riskengine.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONHASHSEED": seed, "PATH": ""},
    )


def test_pipe_gets_the_funnel_and_no_progress_bar(tmp_path: Path, rules: Path) -> None:
    log = write_traffic(tmp_path / "t.jsonl", traffic())
    done = riskengine("replay", log, "--rules", rules)
    assert (done.returncode, done.stderr) == (0, "")
    for told in ("11 requests", "address.blocklisted", "rate_limit.exceeded", "stuffer", "recall"):
        assert told in done.stdout


def test_json_is_byte_identical_from_run_to_run(tmp_path: Path, rules: Path) -> None:
    log = write_traffic(tmp_path / "t.jsonl", traffic())
    first = riskengine("replay", log, "--rules", rules, "--json", seed="1")
    second = riskengine("replay", log, "--rules", rules, "--json", seed="2")
    assert first.stdout == second.stdout
    assert json.loads(first.stdout)["result"]["funnel"]["requests"] == 11


def test_second_ruleset_is_compared(tmp_path: Path, rules: Path) -> None:
    log = write_traffic(tmp_path / "t.jsonl", traffic())
    other = write_rules(tmp_path / "other", login_limit=5)
    done = riskengine("replay", log, "--rules", rules, "--against", other)
    assert "2 of 11 verdicts changed" in done.stdout
    assert "throttle by rate_limits/login-limit  ->  allow" in done.stdout


def test_malformed_lines_are_shown_as_far_as_asked(tmp_path: Path, rules: Path) -> None:
    log = write_traffic(tmp_path / "t.jsonl", traffic())
    log.write_bytes(log.read_bytes() + b"[broken]\n" * 3)
    done = riskengine("replay", log, "--rules", rules, "--limit-errors", 1)
    assert "t.jsonl:12: Expected `object`, got `array`" in done.stdout
    assert "[broken]" in done.stdout
    assert "and 2 more malformed lines" in done.stdout


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file"),
        (b"", "is empty"),
        (b"what is this\n", "of no known format"),
    ],
    ids=["missing", "empty", "unknown"],
)
def test_unusable_log_is_one_clear_line(
    tmp_path: Path, rules: Path, content: bytes | None, told: str
) -> None:
    log = tmp_path / "traffic.log"
    if content is not None:
        log.write_bytes(content)
    done = riskengine("replay", log, "--rules", rules)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "traffic.log" in done.stderr
    assert "Traceback" not in done.stderr


def test_rules_that_do_not_load_are_exit_code_3(tmp_path: Path, rules: Path) -> None:
    log = write_traffic(tmp_path / "t.jsonl", traffic())
    (rules / "limits.yaml").write_text("limits: [{id: x, limit: many}]\n")
    done = riskengine("replay", log, "--rules", rules)
    assert done.returncode == 3
    assert "limits.yaml:1" in done.stderr
    assert "Traceback" not in done.stderr


async def test_explain_tells_the_way_of_a_decision(tmp_path: Path, rules: Path) -> None:
    log = tmp_path / "log"
    await decide_live(traffic(), rules, DecisionLog(log, clock=ManualClock()))
    done = riskengine("explain", "live-10", "--log", log)
    assert done.returncode == 0, done.stderr
    for told in ("POST /login", "throttled", "rate_limit.exceeded", "withheld from the log: body"):
        assert told in done.stdout
    assert "hunter2" not in done.stdout
    as_json = json.loads(riskengine("explain", "live-10", "--log", log, "--json").stdout)
    assert as_json["decision"]["decision"]["verdict"] == "throttle"


async def test_explain_of_an_unknown_id_is_one_clear_line(tmp_path: Path, rules: Path) -> None:
    log = tmp_path / "log"
    await decide_live(traffic(), rules, DecisionLog(log, clock=ManualClock()))
    done = riskengine("explain", "nobody", "--log", log)
    assert done.returncode == 2
    assert "no decision 'nobody' in this log" in done.stderr
