"""The CRS's own regression tests at paranoia level 4."""

from collections import defaultdict
from collections.abc import Mapping

import pytest

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


def test_expected_rules_fire_and_forbidden_ones_do_not(fast: FastRules) -> None:
    expected: dict[str, list[bool]] = defaultdict(list)
    forbidden: dict[str, list[bool]] = defaultdict(list)
    evaluations = fast.evaluate([case.request for case in cases()])
    for case, evaluation in zip(cases(), evaluations, strict=True):
        fired = {one.rule.id for one in evaluation.fired}
        expected[case.file] += [rule in fired for rule in case.expected]
        forbidden[case.file] += [rule not in fired for rule in case.forbidden]
    assert macro_average(expected) >= LEAST
    assert macro_average(forbidden) >= LEAST


def test_fast_evaluator_finds_what_the_plain_one_finds(fast: FastRules) -> None:
    sample = cases()[::6]
    evaluations = fast.evaluate([case.request for case in sample])
    for case, evaluation in zip(sample, evaluations, strict=True):
        assert findings(evaluation) == findings(evaluate(crs_rules(), case.request, TX)), case.id


def macro_average(results: Mapping[str, list[bool]]) -> float:
    """The mean over rule files of the share that is as it should be."""
    shares = [sum(file) / len(file) for file in results.values() if file]
    return sum(shares) / len(shares)
