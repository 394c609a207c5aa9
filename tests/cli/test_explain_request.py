"""`riskengine explain` on a request, as somebody at a terminal or a pipe meets it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HTTP = (
    "GET /search?q=1%27+or+%271%27=%271&page=2 HTTP/1.1\r\nHost: shop.example\r\n"
    "User-Agent: Mozilla/5.0\r\n\r\n"
)
LINE = {
    "received_at": "2026-03-01T10:00:00Z", "client_ip": "203.0.113.9", "method": "GET",
    "path": "/search", "query": "q=shoes",
}  # fmt: skip


def explain(
    *arguments: object, text: str = "", rules: Path = ROOT / "rules"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "riskengine.cli.main", "explain", "--rules", str(rules)),
            *map(str, arguments),
        ],
        input=text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_raw_http_is_told_parameter_by_parameter_and_rule_by_rule(tmp_path: Path) -> None:
    file = tmp_path / "attack.http"
    file.write_text(HTTP, newline="")
    done = explain("--http", file)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "GET /search?q=1%27+or+%271%27=%271&page=2",
        "from 203.0.113.1, route search",
    ]
    assert """  q = "1' or '1'='1"  <- 10100""" in lines
    assert "  page = '2'" in lines
    assert """  10100 at ARGS:q: " or '1'='1" (5 points)""" in lines
    assert "deny after screening" in lines
    change = 'exclusions: - {rule: 10100, parameter: "ARGS:q", path: /search, description: ...}'
    assert f"  signatures.yaml: {change}" in lines
    assert "  tried: with these exclusions it passes" in lines


def test_json_says_the_same_to_programs() -> None:
    told = json.loads(explain("--http", "-", "--json", text=HTTP).stdout)
    assert told["verdict"] == "deny"
    assert [stage["result"] for stage in told["stages"]] == ["passed", "passed", "denied"]
    [signature] = told["signatures"]
    assert (signature["rule"], signature["parameter"], signature["points"]) == (10100, "ARGS:q", 5)
    assert signature["place"].endswith("basic.conf:9")
    assert told["parameters"][0]["signatures"] == [10100]
    assert told["passes_with_exclusions"] is True


def test_a_request_line_that_passes_needs_no_change() -> None:
    done = explain("--request", "-", text=json.dumps(LINE))
    assert done.returncode == 0
    assert "allow after screening" in done.stdout
    assert "What would have let it pass" not in done.stdout


def test_who_is_blocklisted_is_shown_the_list_the_entry_and_what_the_rest_would_say(
    tmp_path: Path,
) -> None:
    (tmp_path / "addresses.yaml").write_text(
        "blocklists:\n  - {id: known-bad, description: Bad., networks: [203.0.113.0/24]}\n"
    )
    done = explain("--request", "-", text=json.dumps(LINE), rules=tmp_path)
    assert "known-bad asks to deny, address.blocklisted: 203.0.113.0/24" in done.stdout
    assert "parameters   passed (stopped before; this is what it would say)" in done.stdout
    assert "addresses.yaml: an entry {network: 203.0.113.9," in done.stdout


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("--http", "", "standard input:1: is empty"),
        ("--http", "GET /\n", "standard input:1: a request begins with METHOD TARGET HTTP/"),
        ("--http", "GET / HTTP/1.1\nno header\n\n", "standard input:2: a header is `Name: value`"),
        ("--request", "\n", "standard input:1: holds no request line"),
        ("--request", "\n{}", "standard input:2: Object missing required field `received_at`"),
        ("--request", json.dumps(LINE | {"client_ip": "10.1"}), "standard input:1: client_ip: "),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(option: str, text: str, words: str) -> None:
    done = explain(option, "-", text=text)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("id", "--http", "-"), ("--http", "-", "--request", "-")]
)
def test_one_thing_is_explained_at_a_time(arguments: tuple[str, ...]) -> None:
    done = explain(*arguments)
    assert done.returncode == 2
    assert "explain takes one of: an id with --log, --request, --http" in done.stderr


def test_a_body_counts_too() -> None:
    body = "q=1%27+or+%271%27=%271"
    head = "POST /search HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
    told = json.loads(explain("--http", "-", "--json", text=head + body).stdout)
    assert [one["parameter"] for one in told["signatures"]] == ["ARGS:q"]


def test_a_body_that_cannot_be_unpacked_is_shown_with_the_cause_and_the_way_out() -> None:
    text = (
        "POST /reviews HTTP/1.1\r\nHost: shop.example\r\nContent-Encoding: br\r\n"
        "Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nabcd"
    )
    told = explain("--http", "-", text=text).stdout
    assert "signature.body: not all of the body was looked at: its encoding is 'br'" in told
    assert "signatures.yaml: `on_unread_body: observe`, for this route under `routes`" in told
