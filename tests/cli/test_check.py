"""`riskengine check`: what it says, and with which code it ends."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

ADDRESSES = """blocklists:
  - {id: known-bad, description: Bad., networks: [198.51.100.0/24]}
"""
PASSING = """tests:
  - name: a listed client is refused
    requests: {client_ip: 198.51.100.1}
    expect: {verdict: deny, rule: known-bad}
"""


def line(client_ip: str) -> str:
    return json.dumps(
        {
            "received_at": "2026-03-01T10:00:00Z", "client_ip": client_ip, "method": "GET",
            "path": "/products/7", "request_id": f"r-{client_ip}",
        }
    ) + "\n"  # fmt: skip


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    directory = tmp_path / "rules"
    (directory / "tests").mkdir(parents=True)
    (directory / "addresses.yaml").write_text(ADDRESSES)
    (directory / "tests" / "addresses_test.yaml").write_text(PASSING)
    return directory


def check(rules: Path, *arguments: str, command: str = "check") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "riskengine.cli.main", command, "--rules", str(rules), *arguments],
        capture_output=True, text=True, check=False, cwd=rules.parent, timeout=60,
    )  # fmt: skip


def report(rules: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = check(rules, "--json", *arguments)
    return done.returncode, json.loads(done.stdout)


def test_sound_rules_end_with_0(rules: Path) -> None:
    done = check(rules)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 blocklist" in done.stdout
    assert "1 rule test\n" in done.stdout
    assert "no known-good traffic was run" in done.stdout


def test_output_in_a_pipe_is_plain(rules: Path) -> None:
    assert "\x1b" not in check(rules).stdout


def test_missing_rules_directory_ends_with_2(rules: Path) -> None:
    done = check(rules / "gone")
    assert done.returncode == 2
    assert f"--rules: {rules / 'gone'} is no directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_traffic_file_ends_with_2(rules: Path) -> None:
    done = check(rules, "--good", "gone.jsonl")
    assert done.returncode == 2
    assert "gone.jsonl: no such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_malformed_traffic_ends_with_2_and_its_line(rules: Path) -> None:
    good = rules.parent / "good.jsonl"
    good.write_text(line("192.0.2.1") + "{}\n")
    done = check(rules, "--good", str(good))
    assert done.returncode == 2
    assert "good.jsonl:2: " in done.stderr


def test_rules_that_do_not_load_end_with_3_and_all_mistakes(rules: Path) -> None:
    (rules / "limits.yaml").write_text("limts: []\n")
    (rules / "addresses.yaml").write_text("blocklists: 1\n")
    done = check(rules)
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        f"{rules}/addresses.yaml:1: blocklists must be a list, got 1",
        f'{rules}/limits.yaml:1: unknown key "limts"; did you mean "limits"?',
        "2 mistakes; nothing was run",
    ]


def test_rule_tests_that_do_not_load_end_with_3(rules: Path) -> None:
    (rules / "tests" / "addresses_test.yaml").write_text("tests: []\n")
    done = check(rules)
    assert done.returncode == 3
    assert "addresses_test.yaml:1: tests must be a list of at least 1 entry, got []" in done.stdout


def test_failed_rule_test_ends_with_4_and_says_what_came(rules: Path) -> None:
    tests = rules / "tests" / "addresses_test.yaml"
    tests.write_text(PASSING.replace("verdict: deny", "verdict: allow"))
    done = check(rules)
    assert done.returncode == 4
    assert f"{tests}:2: a listed client is refused" in done.stdout
    assert "expected verdict allow, got deny; known-bad says address.blocklisted" in done.stdout
    assert "1 of 1 rule test" in done.stdout


def test_stopped_good_traffic_ends_with_5_naming_request_rule_and_reason(rules: Path) -> None:
    good = rules.parent / "good.jsonl"
    good.write_text(line("192.0.2.1") + line("198.51.100.8"))
    done = check(rules, "--good", str(good))
    assert done.returncode == 5
    assert (
        f"{good}:2: r-198.51.100.8: GET /products/7 from 198.51.100.8: deny by known-bad, "
        "address.blocklisted 198.51.100.0/24"
    ) in done.stdout
    assert "1 of 2 good requests stopped" in done.stdout


def test_good_traffic_beside_the_rules_is_run_unasked(rules: Path) -> None:
    samples = rules.parent / "data" / "samples"
    samples.mkdir(parents=True)
    (samples / "known-good.jsonl").write_text(line("192.0.2.1"))
    code, told = report(rules)
    assert code == 0
    assert told["good"]["requests"] == 1


def test_json_holds_the_whole_report(rules: Path) -> None:
    code, told = report(rules)
    assert code == told["exit_code"] == 0
    assert told["ok"] is True
    assert told["counts"]["blocklists"] == 1
    assert told["tests"] == [
        {
            "path": f"{rules}/tests/addresses_test.yaml", "line": 2, "failures": [],
            "name": "a listed client is refused", "passed": True,
        }
    ]  # fmt: skip
    assert told["good"] is None


def test_json_of_broken_rules_lists_the_mistakes(rules: Path) -> None:
    (rules / "limits.yaml").write_text("limts: []\n")
    code, told = report(rules)
    assert code == told["exit_code"] == 3
    assert len(told["mistakes"]) == 1


def test_schema_writes_one_file_for_each_kind_of_rule_file(rules: Path) -> None:
    done = check(rules, command="schema")
    assert done.returncode == 0
    assert sorted(path.name for path in (rules / "schema").iterdir()) == [
        f"{name}.schema.json"
        for name in (
            "addresses",
            "behavior",
            "bots",
            "limits",
            "parameters",
            "signatures",
            "tests",
        )
    ]


def test_default_rules_pass_their_tests_and_stop_no_good_traffic() -> None:
    code, told = report(ROOT / "rules", "--models", str(ROOT / "models"))
    failed = [test for test in told["tests"] if not test["passed"]]
    assert (code, told["mistakes"], failed) == (0, [], [])
    assert told["good"]["requests"] > 1000
    assert told["good"]["stopped"] == []


SIGNATURES = """sets:
  - {id: own, description: Ours., directory: seclang}
  - {id: idle, description: Not run., directory: gone, mode: disabled}
"""
SECLANG = r"""SecRule ARGS "@contains attack" "id:1,phase:2,deny,status:403"
SecRule IP:hits "@gt 3" "id:2,phase:2,deny,status:403"
SecRule ARGS "@contains x" "id:3,phase:5,deny"
SecRule ARGS "@contains noise" "id:4,phase:2,pass,expirevar:ip.seen=60"
"""


def with_seclang(rules: Path, text: str) -> Path:
    (rules / "seclang").mkdir()
    file = rules / "seclang" / "own.conf"
    file.write_text(text)
    (rules / "signatures.yaml").write_text(SIGNATURES)
    return file


def test_what_of_seclang_is_not_supported_is_listed_with_place_rule_and_cause(rules: Path) -> None:
    file = with_seclang(rules, SECLANG)
    done = check(rules)
    assert done.returncode == 0
    assert f"{file}:2: rule 2: unsupported: the variable IP is not kept here" in done.stdout
    assert f"{file}:3: rule 3: unsupported: phase 5 is behind the answer" in done.stdout
    assert f"{file}:4: rule 4: without effect: expirevar:ip.seen=60" in done.stdout
    assert "own: 2 signatures of 1 SecLang file, 2 left out as unsupported" in done.stdout
    assert "compiling" not in done.stdout + done.stderr


def test_json_counts_signatures_per_set_and_lists_what_is_left_out(rules: Path) -> None:
    file = with_seclang(rules, SECLANG)
    code, told = report(rules)
    assert code == 0
    [own] = told["signatures"]
    assert (own["id"], own["signatures"], own["files"]) == ("own", 2, 1)
    assert [(left["line"], left["rule_id"], left["kind"]) for left in own["left_out"]] == [
        (2, 2, "unsupported"), (3, 3, "unsupported"), (4, 4, "without effect"),
    ]  # fmt: skip
    assert {left["file"] for left in own["left_out"]} == {str(file)}


def test_mistakes_of_seclang_end_with_3_and_their_places(rules: Path) -> None:
    (rules / "tests" / "addresses_test.yaml").unlink()
    file = with_seclang(
        rules, SECLANG + 'SecRule ARGS "@contains y" "id:1,phase:2,deny"\nSecRule "'
    )
    done = check(rules)
    assert done.returncode == 3
    assert f"{file}:5: rule 1: the id is taken by {file}:1" in done.stdout
    assert f'{file}:6: SecRule: a " is opened and never closed' in done.stdout
    assert "2 mistakes; nothing was run" in done.stdout
