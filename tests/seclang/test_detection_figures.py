"""What docs/detection.md promises about recall and false positives, on the public sets."""

import re
from pathlib import Path

import pytest

from benchmarks.detection import (
    DATA,
    LEFT_OUT,
    default_rules,
    good_requests,
    mistakes,
    payloads,
    recall,
)
from riskengine.seclang.fast import FastRules

PAGE = (Path(__file__).parents[2] / "docs" / "detection.md").read_text()

pytestmark = [
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


@pytest.fixture(scope="module")
def rules() -> FastRules:
    return default_rules(DATA / "crs" / "ruleset")


def test_recall_of_each_class_is_no_lower_than_the_reference(rules: FastRules) -> None:
    classes = payloads(DATA / "attack_payloads", 2_500)
    found = {kind: recall(rules, None, values) for kind, values in classes.items()}
    shares = {kind: result.found / result.payloads for kind, result in found.items()}
    assert shares.keys() == REFERENCE.keys()
    assert {kind for kind, share in shares.items() if share < REFERENCE[kind]} == set()


@pytest.mark.parametrize(("name", "most"), [("real browsing", 0.005), ("real query strings", 0.01)])
def test_good_requests_are_hardly_ever_stopped(rules: FastRules, name: str, most: float) -> None:
    result = mistakes(rules, good_requests(DATA / "requests")[name])
    assert result.stopped / result.requests <= most, result.rules


def test_page_names_every_rule_that_is_left_out() -> None:
    left_out = set(re.findall(r"\b9[0-9]{5}\b", LEFT_OUT))
    assert len(left_out) > 5
    assert {rule for rule in left_out if rule not in PAGE} == set()
