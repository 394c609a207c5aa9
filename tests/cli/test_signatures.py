"""`riskengine signatures exclude`, as an analyst meets it."""

import datetime
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from riskengine.records.decision_lines import DecisionBody, DecisionLine, HitLine
from riskengine.records.lines import RequestLine

MOMENT = datetime.datetime(2026, 3, 1, 10, tzinfo=datetime.UTC)
BEFORE = "# our signatures\nexclusions:\n  - rule: 1\n    path: /a\n"


def riskengine(*arguments: object, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "riskengine.cli.main", "signatures", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=directory,
    )


def line(number: int, path: str, *details: str) -> bytes:
    request = RequestLine(
        received_at=MOMENT, client_ip=f"192.0.2.{number}", method="GET", path=path
    )
    hits = [HitLine("signatures", "crs", "deny", "signature.matched", detail) for detail in details]
    decision = DecisionBody(decision_id=str(number), verdict="deny", hits=hits)
    return msgspec.json.encode(DecisionLine(at=MOMENT, request=request, decision=decision)) + b"\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "signatures.yaml").write_text(BEFORE)
    lines = [
        line(1, "/search", "942100 at ARGS:q: 'union select' (5 points)"),
        line(2, "/search", "942100 at ARGS:q: 'union select' (5 points)"),
        line(3, "/about", "941100 at ARGS:text: '<script' (5 points)"),
        line(4, "/"),
    ]
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines))
    return tmp_path


def test_diff_on_standard_output_applies(place: Path) -> None:
    done = riskengine("exclude", "--from-log", "log.jsonl", directory=place)
    assert done.returncode == 0
    subprocess.run(["git", "apply", "-"], input=done.stdout, text=True, cwd=place, check=True)
    after = (place / "rules" / "signatures.yaml").read_text()
    assert after.startswith(BEFORE)
    assert 'rule: 942100\n    parameter: "ARGS:q"\n    path: "/search"' in after
    assert "good traffic: 2 hits, 2 clients, such as 'union select'" in after


def test_json_says_the_same_for_programs(place: Path) -> None:
    done = riskengine("exclude", "--from-log", "log.jsonl", "--least", 2, "--json", directory=place)
    assert [(one["rule"], one["path"], one["hits"]) for one in json.loads(done.stdout)] == [
        (942100, "/search", 2)
    ]


def test_log_without_hits_gives_no_diff(place: Path) -> None:
    (place / "log.jsonl").write_bytes(line(4, "/"))
    done = riskengine("exclude", "--from-log", "log.jsonl", directory=place)
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to exclude" in done.stderr


def test_traffic_file_that_is_no_decision_log_is_refused(place: Path) -> None:
    request = RequestLine(received_at=MOMENT, client_ip="192.0.2.1", method="GET", path="/")
    (place / "log.jsonl").write_bytes(msgspec.json.encode(request) + b"\n")
    done = riskengine("exclude", "--from-log", "log.jsonl", directory=place)
    assert done.returncode == 2
    assert "is no decision log" in done.stderr


def test_rules_without_signatures_are_refused(place: Path) -> None:
    (place / "rules" / "signatures.yaml").unlink()
    done = riskengine("exclude", "--from-log", "log.jsonl", directory=place)
    assert done.returncode == 2
    assert "signatures.yaml is not there" in done.stderr
