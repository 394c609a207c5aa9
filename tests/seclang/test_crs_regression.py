"""The CRS's own regression tests at paranoia level 4."""

import pytest

from benchmarks.signature_quality import macro_averages
from riskengine.seclang.fast import FastRules
from riskengine.seclang.plain import evaluate
from tests.seclang.crs_requests import CRS, cases, crs_rules, crs_tx, fast_rules, findings

TX = crs_tx(4)
LEAST = 0.97

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CRS.is_dir(), reason="the public data sets are not here"),
]


@pytest.fixture(scope="module")
def fast() -> FastRules:
    return fast_rules(crs_rules(), TX)


def test_expected_rules_fire_and_forbidden_ones_do_not() -> None:
    shares = macro_averages()
    assert set(shares) == {"expected", "forbidden"}
    assert min(shares.values()) >= LEAST


def test_fast_evaluator_finds_what_the_plain_one_finds(fast: FastRules) -> None:
    sample = cases()[::6]
    evaluations = fast.evaluate([case.request for case in sample])
    for case, evaluation in zip(sample, evaluations, strict=True):
        assert findings(evaluation) == findings(evaluate(crs_rules(), case.request, TX)), case.id
