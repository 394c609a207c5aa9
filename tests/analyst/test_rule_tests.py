"""Rule tests run over virtual time, say what differs, and are read as strictly as rules."""

from pathlib import Path

import pytest

from riskengine.analyst.rule_test_files import read_rule_tests
from riskengine.analyst.rule_tests import TestResult, run_rule_tests
from riskengine.errors import ModelError, RulesetError
from riskengine.ruleset.loader import load_ruleset

RULES = Path(__file__).parents[2] / "rules"

LIMITS = """limits:
  - id: login-per-address
    description: Guessing passwords.
    match: {methods: [POST], paths: [/login]}
    key: [ip]
    limit: 5
    window: 1m
"""
ADDRESSES = """allowlists:
  - {id: partners, description: Partners., networks: [192.0.2.0/24]}
blocklists:
  - {id: known-bad, description: Bad., networks: [198.51.100.0/24]}
  - {id: suspected, description: Suspected., networks: [203.0.113.66], mode: observe}
"""
SIX_LOGINS = "{count: 6, every: 1s, client_ip: 203.0.113.7, method: POST, path: /login}"


def rules(directory: Path, tests: str) -> Path:
    (directory / "tests").mkdir()
    (directory / "limits.yaml").write_text(LIMITS)
    (directory / "addresses.yaml").write_text(ADDRESSES)
    (directory / "tests" / "some_test.yaml").write_text(tests)
    return directory


def run(directory: Path, tests: str) -> list[TestResult]:
    return run_rule_tests(load_ruleset(rules(directory, tests)), directory / "models")


def run_one(directory: Path, requests: str, expect: str) -> tuple[str, ...]:
    """Failures of one test."""
    text = f"tests:\n  - name: a test\n    requests: {requests}\n    expect: {expect}\n"
    [result] = run(directory, text)
    return result.failures


def mistakes(directory: Path, tests: str) -> list[str]:
    with pytest.raises(RulesetError) as caught:
        run(directory, tests)
    prefix = f"{directory}/tests/some_test.yaml:"
    assert all(mistake.startswith(prefix) for mistake in caught.value.mistakes)
    return [mistake.removeprefix(prefix) for mistake in caught.value.mistakes]


def test_sixth_login_within_a_minute_is_throttled(tmp_path: Path) -> None:
    expect = "{verdict: throttle, stage: rate_limits, rule: login-per-address}"
    assert run_one(tmp_path, SIX_LOGINS, expect) == ()


def test_expectations_meet_the_last_request_unless_they_say_which(tmp_path: Path) -> None:
    expect = "[{at: 5, verdict: allow}, {at: 6, verdict: throttle}, {verdict: throttle}]"
    assert run_one(tmp_path, SIX_LOGINS, expect) == ()


def test_failure_names_the_request_what_was_expected_and_what_fired(tmp_path: Path) -> None:
    [failure] = run_one(tmp_path, SIX_LOGINS, "{verdict: allow, rule: partners}")
    assert failure.startswith(
        "request 6 of 6 (POST /login from 203.0.113.7 after 5 s): "
        "expected verdict allow, got throttle, expected rule partners, got login-per-address; "
        "login-per-address says rate_limit.exceeded"
    )


def test_each_fails_at_the_first_request_that_differs(tmp_path: Path) -> None:
    [failure] = run_one(tmp_path, SIX_LOGINS, "{at: each, verdict: allow}")
    assert failure.startswith("request 6 of 6")


def test_time_passes_between_groups_on_the_virtual_clock_alone(tmp_path: Path) -> None:
    later = "{after: 24h, client_ip: 203.0.113.7, method: POST, path: /login}"
    expect = "[{at: 6, verdict: throttle}, {at: 7, verdict: allow}]"
    assert run_one(tmp_path, f"[{SIX_LOGINS}, {later}]", expect) == ()


def test_tests_start_with_empty_counters(tmp_path: Path) -> None:
    one = (
        f"  - name: NAME\n    requests: {SIX_LOGINS}\n"
        "    expect: [{at: 5, verdict: allow}, {verdict: throttle}]\n"
    )
    results = run(tmp_path, "tests:\n" + one.replace("NAME", "one") + one.replace("NAME", "two"))
    assert [(r.name, r.line, r.passed) for r in results] == [("one", 2, True), ("two", 5, True)]


def test_numbers_in_braces_make_different_clients(tmp_path: Path) -> None:
    requests = SIX_LOGINS.replace("203.0.113.7", '"203.0.113.{n}"')
    assert run_one(tmp_path, requests, "{at: each, verdict: allow}") == ()


def test_observed_hits_are_expected_by_name(tmp_path: Path) -> None:
    requests = "{client_ip: 203.0.113.66}"
    assert run_one(tmp_path, requests, "{verdict: allow, rule: '', hits: [suspected]}") == ()


def test_hits_differ_in_both_directions(tmp_path: Path) -> None:
    [failure] = run_one(tmp_path, "{client_ip: 203.0.113.66}", "{hits: [known-bad]}")
    assert "expected hits of known-bad, which did not fire" in failure
    assert "expected no hits of suspected" in failure


def test_request_that_was_not_scored_is_in_no_range(tmp_path: Path) -> None:
    [failure] = run_one(tmp_path, "{path: /}", "{score: {min: 0, max: 1}}")
    assert "expected a score from 0.0 to 1.0, got none" in failure


def test_unknown_rule_in_an_expectation_is_a_mistake(tmp_path: Path) -> None:
    text = "tests:\n  - name: x\n    requests: {path: /}\n    expect: {rule: partner}\n"
    assert mistakes(tmp_path, text) == ['4: no rule has the id "partner"; did you mean "partners"?']


def test_mistakes_in_tests_come_all_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """tests:
  - name: one
    requests:
      client_ip: 203.0.113.300
      path: /
    expect: {verdict: block}
  - name: two
    requests:
      - {pth: /}
      - {path: "/a?b=c", query: d}
      - {body: x, form: {a: b}}
      - {count: 0}
    expect: {}
  - name: three
    requests: {count: 3}
    expect: {at: 4, verdict: deny}
"""
    assert mistakes(tmp_path, text) == [
        "3: client_ip: must be a plain IPv4 or IPv6 address, got '203.0.113.300'",
        '6: verdict must be one of allow, throttle, deny, got "block"',
        '9: unknown key "pth"; did you mean "path"?',
        "10: the query stands either behind the path or in query, not in both",
        "11: a request has one body: write body, form or json",
        "12: count must be a whole number from 1 to 100000, got 0",
        "13: expect needs verdict, stage, rule, reason, hits or score",
        "14: at must be a number up to 3, got 4",
    ]


def test_file_that_is_not_named_as_a_test_is_a_mistake(tmp_path: Path) -> None:
    rules(tmp_path, "tests:\n  - {name: x, requests: {}, expect: {verdict: allow}}\n")
    (tmp_path / "tests" / "limits.yaml").write_text("tests: []\n")
    with pytest.raises(RulesetError, match=r"end its name with _test\.yaml"):
        run_rule_tests(load_ruleset(tmp_path), tmp_path)


def test_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    rules(tmp_path, "tests:\n  - {name: x, requests: {}, expect: {verdict: allow}}\n")
    (tmp_path / "behavior.yaml").write_text("model: gone\n")
    with pytest.raises(ModelError, match="gone"):
        run_rule_tests(load_ruleset(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("written", "query", "body", "content_type"),
    [
        ("path: '/a?b=c'", "b=c", b"", None),
        ("query: {q: 'x y', n: 2, on: true, t: [1, 2]}", "q=x+y&n=2&on=true&t=1&t=2", b"", None),
        ("form: {a: 'b&c'}", "", b"a=b%26c", "application/x-www-form-urlencoded"),
        ("json: {a: [1, null]}", "", b'{"a": [1, null]}', "application/json"),
        ("body: '{ab*3}'", "", b"ababab", None),
        ("json: {a: 1}\n      headers: {Content-Type: text/plain}", "", b'{"a": 1}', "text/plain"),
    ],
)
def test_requests_are_written_as_is_most_convenient(
    written: str, query: str, body: bytes, content_type: str | None, tmp_path: Path
) -> None:
    text = f"tests:\n  - name: x\n    requests:\n      {written}\n    expect: {{verdict: allow}}\n"
    [located] = read_rule_tests(load_ruleset(rules(tmp_path, text)))
    [request] = located.test.timeline(0.0)
    headers = dict(request.headers)
    assert (request.query, request.body, headers.get("content-type")) == (query, body, content_type)
    assert headers.get("content-length") == (str(len(body)) if body else None)
    assert request.host == headers["host"] == "shop.example"


def test_every_default_rule_that_can_fire_is_tested() -> None:
    ruleset = load_ruleset(RULES)
    expected = [e for located in read_rule_tests(ruleset) for e in located.test.expect]
    told = {rule for expectation in expected for rule in expectation.rules()}
    checked = [
        route.id
        for route in ruleset.parameters.routes
        if route.captures or route.query or route.form
    ]
    rules_that_fire = (
        *(rule.id for rule in ruleset.addresses.allowlists),
        *(rule.id for rule in ruleset.addresses.blocklists),
        *(rule.id for rule in ruleset.parameters.checks),
        *checked,
        *(rule.id for rule in ruleset.limits.limits),
        *(rule.id for rule in ruleset.behavior.thresholds),
    )
    assert [rule for rule in rules_that_fire if rule not in told] == []
