"""CRS 3.3 as Debian ships it: what is left out of it, and what its hardest pattern finds."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from riskengine.request import Request, make_request
from riskengine.seclang.fast import FastRules
from riskengine.seclang.plain import evaluate
from riskengine.seclang.reader import Reading, read_rules
from tests.seclang.crs_requests import fast_rules, findings

DEBIAN = Path("/usr/share/modsecurity-crs/rules")
SETUP = Path("/etc/modsecurity/crs/crs-setup.conf")
PAGE = (Path(__file__).parents[2] / "docs" / "signatures.md").read_text()
TX = {"blocking_paranoia_level": b"2", "paranoia_level": b"2", "executing_paranoia_level": b"2"}
NEEDS_MORE_THAN_A_REQUEST = {901420, 910000, 910100, 910120, 910140, 912120, 912130, 949100}

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not DEBIAN.is_dir(), reason="modsecurity-crs is not installed"),
]


@pytest.fixture(scope="module")
def reading() -> Reading:
    return read_rules([SETUP, *sorted(DEBIAN.glob("REQUEST-*.conf"))])


@pytest.fixture(scope="module")
def fast(reading: Reading) -> FastRules:
    return fast_rules(reading.rules, TX)


def test_only_what_needs_more_than_one_request_is_left_out(reading: Reading) -> None:
    unsupported = [remark for remark in reading.remarks if remark.kind == "unsupported"]
    of_answers = {one.rule_id for one in unsupported if "phase 5" in one.cause}
    of_requests = {one.rule_id for one in unsupported} - of_answers
    assert not reading.mistakes
    assert of_requests == NEEDS_MORE_THAN_A_REQUEST
    assert {rule for rule in of_requests if str(rule) not in PAGE} == set()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("value", "fires"),
    [
        ("' or 'x'='x", True),
        ("1 or 7<>8", True),
        ("1 or 5 is not 6", True),
        ("' or a like 'A'", True),
        ("next=/shop?page=2&sort=up", False),
        ("1 = 2", False),
    ],
)
def test_words_are_compared(fast: FastRules, reading: Reading, value: str, fires: bool) -> None:
    [outcome] = fast.evaluate([asked(value)])
    assert (942130 in {one.rule.id for one in outcome.fired}) is fires
    assert findings(outcome) == findings(evaluate(reading.rules, asked(value), TX))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fast_evaluator_finds_what_the_plain_one_finds(fast: FastRules, reading: Reading) -> None:
    requests = list(many())
    for request, outcome in zip(requests, fast.evaluate(requests), strict=True):
        assert findings(outcome) == findings(evaluate(reading.rules, request, TX)), request.query


def many() -> Iterator[Request]:
    words = ["1", "'x'", "a", "A ", " (b"]
    signs = ["=", "<>", " like ", " is not ", "&", "<=>", " "]
    for first in words:
        for sign in signs:
            yield from (asked(f"{first}{sign}{second}") for second in words)


def asked(value: str) -> Request:
    return make_request(
        client_ip="203.0.113.7",
        method="GET",
        path="/",
        query=f"q={quote(value, safe='')}",
        http_version="HTTP/1.1",
        headers=(("host", "www.example.com"), ("user-agent", "Mozilla/5.0"), ("accept", "*/*")),
        host="www.example.com",
    )
