"""What docs/detection.md promises about recall and false positives, on the public sets."""

from pathlib import Path

import pytest

from benchmarks.detection import (
    DATA,
    RULES,
    Judge,
    asked,
    good_requests,
    mistakes,
    payloads,
    recall,
)
from riskengine.ruleset.loader import load_ruleset

PAGE = (Path(__file__).parents[2] / "docs" / "detection.md").read_text()
CRS = DATA / "crs" / "ruleset"

needs_data = [
    pytest.mark.slow,
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the public data is not here"),
    pytest.mark.timeout(300),
]

# Recall of libmodsecurity 3.0.15 with all rules of the same CRS at level 1, on the same payloads.
REFERENCE = {
    "sqli": 0.999,
    "xss": 0.980,
    "cmdi": 0.4915,
    "path-traversal": 0.6217,
    "sqli, libinjection's": 1.0,
    "xss, libinjection's": 1.0,
}

# Values that rules do not fire for, and some that look like them.
FORMS = [
    (932160, "/fcg-bin/fcg_get_strategy?type=1", False),
    (932160, "https://www.example.com/cgi-bin/archive.pl?q=a%20b&n=1", False),
    (932160, "cgi-bin/shop", False),
    (932160, "/bin/ls", True),
    (932160, "/usr/bin/id", True),
    (932160, "/cgi-bin/archive;cat /etc/passwd", True),
    (932160, "/cgi-bin/archive | /bin/sh", True),
    (932160, "/cgi-bin/archive?$(/bin/sh)", True),
    (932160, "/cgi-bin/../../bin/sh", True),
    (942550, '{"q": "{\\"a\\": [1, 2]}"}', False),
    (942550, """1' or '{"a": 1}'::jsonb @> '{"a": 1}'""", True),
    (942550, """{"id": "1' or '{}' <@ '{}"}""", True),
    (942550, "1=json_extract(a, 2)", True),
]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(CRS)


class TestFigures:
    pytestmark = needs_data

    def test_recall_of_each_class_is_no_lower_than_the_reference(self) -> None:
        judge = Judge(CRS, only_signatures=True)
        classes = payloads(DATA / "attack_payloads", 2_500)
        found = {kind: recall(judge, None, values) for kind, values in classes.items()}
        shares = {kind: result.found / result.payloads for kind, result in found.items()}
        assert shares.keys() == REFERENCE.keys()
        assert {kind for kind, share in shares.items() if share < REFERENCE[kind]} == set()

    @pytest.mark.parametrize(
        ("name", "most"), [("real browsing", 0.004), ("real query strings", 0.01)]
    )
    def test_good_requests_are_hardly_ever_stopped(
        self, judge: Judge, name: str, most: float
    ) -> None:
        result = mistakes(judge, good_requests(DATA / "requests")[name])
        assert result.stopped / result.requests <= most, result.rules

    @pytest.mark.parametrize(("rule", "value", "fires"), FORMS)
    def test_a_form_that_is_spared_hides_no_attack(
        self, judge: Judge, rule: int, value: str, fires: bool
    ) -> None:
        [decision] = judge.decisions([asked(value)])
        assert (str(rule) in {hit.rule_id for hit in decision.hits}) is fires


def test_page_names_every_rule_that_is_left_out() -> None:
    left_out = {one.rule for one in load_ruleset(RULES).signatures.exclusions}
    assert len(left_out) > 5
    assert {rule for rule in left_out if str(rule) not in PAGE} == set()
