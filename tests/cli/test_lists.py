"""`riskengine lists`, run as a command."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from riskengine.cli.lists import lists
from tests.analyst.list_server import publisher

RULES = """lists:
  - id: drop
    file: drop.json
    format: drop
    source: {base}/drop
    max_age: 3d
    tags: [hijacked]
  - {{id: own, file: own.txt}}
blocklists:
  - {{id: hijacked-networks, description: x, lists: [drop, own]}}
  - {{id: maybe, description: x, lists: [own], mode: observe}}
allowlists:
  - id: partners
    description: x
    entries:
      - {{network: 192.0.2.7, reason: price partner, owner: ada, expires_at: 2099-12-31}}
"""
DROP = (
    '{"cidr":"192.0.2.0/24","sblid":"SBL1"}\n'
    '{"cidr":"198.51.100.0/24","sblid":"SBL2"}\n{"type":"metadata"}\n'
)


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("riskengine.cli.running_store._sockets", list)
    monkeypatch.delenv("RISKENGINE_STORE", raising=False)
    (tmp_path / "drop.json").write_text(DROP)
    (tmp_path / "own.txt").write_text("203.0.113.9 # scraped us\n")
    (tmp_path / "addresses.yaml").write_text(RULES.format(base="http://127.0.0.1:1"))
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(lists, list(arguments), catch_exceptions=False)
    return result.exit_code, result.output


def test_show_tells_lists_rules_tags_and_reasons(rules: Path) -> None:
    code, text = run("show", "198.51.100.9", "--rules", str(rules))
    assert code == 0
    assert (
        "198.51.100.9 denied: 198.51.100.0/24 stands on drop, blocklist hijacked-networks" in text
    )
    assert "198.51.100.0/24 on drop: SBL2" in text
    assert "blocklist hijacked-networks: deny (enforce)" in text
    assert "tags hijacked" in text
    assert "bans not asked" in text


def test_show_says_that_an_allowlist_wins(rules: Path) -> None:
    _, text = run("show", "192.0.2.7", "--rules", str(rules))
    assert "192.0.2.7 allowed: 192.0.2.7/32 stands on partners" in text
    assert "owner ada until 2099-12-31 00:00:00Z" in text
    assert "192.0.2.0/24 on drop: SBL1" in text


def test_show_says_so_where_nothing_is_known(rules: Path) -> None:
    code, text = run("show", "2001:db8::1", "--rules", str(rules))
    assert code == 0
    assert "2001:db8::1 not stopped" in text
    assert "on no list" in text


def test_show_as_json_is_for_programs(rules: Path) -> None:
    _, text = run("show", "203.0.113.9", "--rules", str(rules), "--json")
    report = json.loads(text)
    assert (report["standing"], report["bans"], report["bans_known"]) == ("denied", [], False)
    [entry] = report["lists"]
    assert [rule["rule_id"] for rule in entry["rules"]] == ["hijacked-networks", "maybe"]
    assert entry["reason"] == "scraped us"


def test_status_tells_what_is_stale_by_its_exit_code(rules: Path) -> None:
    assert run("status", "--rules", str(rules))[0] == 0
    os.utime(rules / "drop.json", (0, 0))
    code, text = run("status", "--rules", str(rules))
    assert code == 1
    assert "stale" in text
    _, told = run("status", "--rules", str(rules), "--json")
    assert [(one["name"], one["stale"]) for one in json.loads(told)] == [
        ("drop", True),
        ("own", False),
    ]


def test_update_fetches_what_has_a_source_even_before_there_is_a_list(rules: Path) -> None:
    (rules / "drop.json").unlink()
    with publisher() as server:
        server.lists["/drop"] = DROP.encode()
        (rules / "addresses.yaml").write_text(RULES.format(base=server.base))
        code, text = run("update", "--rules", str(rules))
    assert code == 0
    assert "updated   drop - -> 2 networks" in text
    assert (rules / "drop.json").read_text() == DROP


def test_update_that_fails_says_so_by_its_exit_code(rules: Path) -> None:
    code, text = run("update", "drop", "--rules", str(rules), "--json")
    assert code == 1
    assert [one["result"] for one in json.loads(text)] == ["failed"]
