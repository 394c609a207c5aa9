"""The fast evaluator and the one that runs every rule on its own agree on traffic as it comes."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.detection import DATA, good_requests
from riskengine.analyst.log_readers import LogReader
from riskengine.analyst.traffic import LoggedRequest
from riskengine.request import Request
from riskengine.seclang.fast import FastRules
from riskengine.seclang.plain import evaluate
from riskengine.seclang.reader import read_rules
from riskengine.seclang.rules import RuleSet
from tests.seclang.crs_requests import crs_rules, crs_tx, fast_rules, findings

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "data" / "samples"
TX = {"inbound_anomaly_score_threshold": b"5"}
CRS_TX = crs_tx(1)
EVERY = 10
BATCH = 64

in_shared_data = [
    pytest.mark.slow,
    pytest.mark.shared_data,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not DATA.is_dir(), reason="the public data is not here"),
]


@pytest.fixture(scope="module")
def small() -> RuleSet:
    return read_rules(sorted((ROOT / "rules" / "signatures").glob("*.conf"))).rules


@pytest.fixture(scope="module")
def fast() -> FastRules:
    """The CRS; asked for only where it is."""
    return fast_rules(crs_rules(), CRS_TX)


@pytest.mark.parametrize("name", ["known-good.jsonl", "mixed.jsonl"])
def test_they_agree_on_the_samples_of_the_project(small: RuleSet, name: str) -> None:
    requests = list(islice(logged(SAMPLES / name), 0, None, EVERY))
    quickly = fast_rules(small, TX)
    assert len(requests) > 100
    assert not differing(small, quickly, TX, requests)


class TestPublicSets:
    pytestmark = in_shared_data

    @pytest.mark.parametrize("name", ["real browsing", "real query strings"])
    def test_they_agree_with_the_crs(self, fast: FastRules, name: str) -> None:
        requests = good_requests(DATA / "requests")[name][::EVERY]
        assert len(requests) > 100
        assert not differing(crs_rules(), fast, CRS_TX, requests)


def logged(path: Path) -> Iterator[Request]:
    return (entry.request for entry in LogReader(path) if isinstance(entry, LoggedRequest))


def differing(
    rules: RuleSet, fast: FastRules, tx: dict[str, bytes], requests: list[Request]
) -> list[tuple[Request, object, object]]:
    """The requests of which the two find different things, asked in batches and more than once.

    The second time the fast one may answer from what it remembers.
    """
    plain = [findings(evaluate(rules, request, tx)) for request in requests]
    return [
        (request, one, other)
        for _ in range(2)
        for request, one, other in zip(requests, plain, quick(fast, requests), strict=True)
        if one != other
    ]


def quick(fast: FastRules, requests: list[Request]) -> Iterable[object]:
    for start in range(0, len(requests), BATCH):
        yield from map(findings, fast.evaluate(requests[start : start + BATCH]))
