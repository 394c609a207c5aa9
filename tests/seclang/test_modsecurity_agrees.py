"""What the benchmark compares itself with is really asked, and answers as our evaluator does."""

import ctypes
from pathlib import Path

import pytest

from benchmarks.modsecurity import ModSecurity
from benchmarks.signature_requests import benign_requests, random_requests
from riskengine.request import make_request
from riskengine.seclang.building import build
from riskengine.seclang.pattern_database import compile_database
from riskengine.seclang.reader import read_rules
from riskengine.seclang.specialize import specialize

RULES = r"""
SecRule ARGS "@rx (?i)union\s+select" "id:1,phase:2,deny,status:403,log,t:urlDecodeUni"
SecRule REQUEST_HEADERS:User-Agent "@pm sqlmap nikto" "id:2,phase:1,deny,status:403,log"
"""


def is_missing() -> bool:
    try:
        ctypes.CDLL("libmodsecurity.so.3")
    except OSError:
        return True
    return False


@pytest.mark.system
@pytest.mark.skipif(is_missing(), reason="libmodsecurity3 is not installed")
@pytest.mark.parametrize(
    ("query", "agent", "rule"),
    [("q=1+UNION%20select", "curl", 1), ("q=1", "sqlmap/1", 2), ("q=union", "curl", None)],
)
def test_both_stop_the_same(tmp_path: Path, query: str, agent: str, rule: int | None) -> None:
    path = tmp_path / "rules.conf"
    path.write_text(RULES)
    request = make_request(
        client_ip="203.0.113.7",
        method="GET",
        path="/",
        query=query,
        headers=(("host", "www.example.com"), ("user-agent", agent)),
    )
    theirs = ModSecurity([path])
    [outcome] = build(specialize(read_rules([path]).rules, {}), compile_database).evaluate(
        [request]
    )
    assert theirs.judge(request) == (rule is not None) == (outcome.stopped is not None)
    assert {fired.rule.id for fired in outcome.fired} == ({rule} if rule else set())


def test_benchmark_has_five_hundred_distinct_benign_requests_everywhere(tmp_path: Path) -> None:
    assert len(set(map(repr, benign_requests(tmp_path)))) >= 500


def test_random_requests_share_no_query_and_no_path() -> None:
    requests = random_requests(200)
    assert len({one.query for one in requests}) == len({one.path for one in requests}) == 200
