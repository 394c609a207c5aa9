"""What rules do is remembered by what decides it, and is the same as if they were run again."""

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskengine.request import Request, make_request
from riskengine.seclang.building import build
from riskengine.seclang.conditions import analyze
from riskengine.seclang.decided import decided_rules
from riskengine.seclang.fast import FastRules, Outcome
from riskengine.seclang.pattern_database import Compiled, compile_database
from riskengine.seclang.plain import evaluate
from riskengine.seclang.rules import RuleSet
from riskengine.seclang.scan_patterns import Expressions
from riskengine.seclang.shapes import Shapes
from riskengine.seclang.specialize import specialize
from riskengine.seclang.transaction import Transaction
from tests.seclang.small_rules import built, read

RULES = r"""
SecRule ARGS "@contains a" "id:1,phase:1,pass,log,setvar:tx.anomaly_score_pl1=+1"
SecRule REQUEST_HEADERS_NAMES "@rx ^.*$" \
    "id:2,phase:1,pass,log,t:lowercase,capture,setvar:tx.name_%{tx.0}=/%{tx.0}/,chain"
  SecRule TX:/^name_/ "@within /proxy/ /lock-token/" "setvar:tx.anomaly_score_pl1=+2"
SecRule REQUEST_METHOD "!@within GET POST" "id:3,phase:1,pass,log,setvar:tx.anomaly_score_pl1=+3"
SecRule REQUEST_METHOD "@streq POST" "id:4,phase:1,pass,log,chain"
  SecRule &REQUEST_HEADERS:Proxy "@gt 1" "setvar:tx.anomaly_score_pl1=+4"
SecRule REQUEST_HEADERS:Content-Type "@rx ^[^;]+" \
    "id:5,phase:1,pass,log,capture,setvar:tx.type=|%{tx.0}|,chain"
  SecRule TX:type "!@within |a/b| |a/c|" "setvar:tx.anomaly_score_pl1=+5"
SecRule ARGS_NAMES "@rx ." "id:6,phase:2,pass,nolog,setvar:tx.counter_%{MATCHED_VAR_NAME}=+1"
SecRule TX:/counter_.*/ "@gt 1" "id:7,phase:2,pass,log,setvar:tx.anomaly_score_pl1=+6"
SecRule TX:anomaly_score_pl1 "@ge 9" "id:8,phase:2,deny,log"
"""

names = st.sampled_from(["proxy", "lock-token", "accept", "Proxy", "LOCK-Token", "x-\xc4", "host"])
headers = st.lists(
    st.one_of(
        st.tuples(names, st.just("1")),
        st.tuples(st.just("content-type"), st.sampled_from(["a/b", "a/c;x=1", "b/c", ""])),
    ),
    max_size=4,
).map(tuple)
requests = st.builds(
    lambda method, query, head: make_request(
        client_ip="203.0.113.7", method=method, path="/", query=query, headers=head
    ),
    st.sampled_from(["GET", "POST", "TRACK"]),
    st.sampled_from(["", "q=1", "q=a", "q=a&b=a", "q=1&q=2", "Q=a&q=b"]),
    headers,
)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return read(RULES, tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="module")
def fast(rules: RuleSet) -> FastRules:
    return built(rules)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(batch=st.lists(requests, min_size=1, max_size=6))
def test_effects_are_those_of_running_every_rule(
    rules: RuleSet, fast: FastRules, batch: list[Request]
) -> None:
    for request, outcome in zip(batch, fast.evaluate(batch), strict=True):
        plain = evaluate(rules, request, {})
        assert told(outcome) == [
            (one.rule.id, one.found, one.points) for one in plain.fired if one.rule.recorded
        ]
        stopped = outcome.stopped.rule if outcome.stopped else None
        assert stopped == (plain.stopped.rule if plain.stopped else None)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(request=requests, budget=st.integers(0, 1_500))
def test_what_is_remembered_costs_the_same(
    rules: RuleSet, fast: FastRules, request: Request, budget: int
) -> None:
    fast.evaluate([request])
    [warm] = fast.evaluate([request], budget)
    [cold] = build(specialize(rules, {}), lambda some: compiled(tuple(some))).evaluate(
        [request], budget
    )
    assert (told(warm), warm.exhausted) == (told(cold), cold.exhausted)


def test_rules_are_known_by_what_decides_them(rules: RuleSet) -> None:
    program = specialize(rules, {})
    decided = decided_rules(program, analyze(program))
    assert [program.rules[place].id for place in decided] == [2, 3, 4, 5]


def test_new_sets_of_known_names_run_no_rule(rules: RuleSet) -> None:
    program = specialize(rules, {})
    places = [place for place, rule in enumerate(program.rules) if rule.id in (2, 3, 4)]
    run: list[int] = []

    def fires(place: int, transaction: Transaction) -> bool:
        run.append(program.rules[place].id)
        return any(name == "proxy" for name, _ in transaction.headers) and place == places[0]

    shapes = Shapes(program.rules, places, fires)
    assert shapes.fired(with_headers("accept", "host")) == 0
    assert run == [3, 4, 2, 2]
    assert shapes.fired(with_headers("proxy", "accept")) == 1 << places[0]
    assert run == [3, 4, 2, 2, 4, 2]
    assert shapes.fired(with_headers("host", "accept", "proxy")) == 1 << places[0]
    assert run == [3, 4, 2, 2, 4, 2]


@cache
def compiled(expressions: tuple[Expressions, ...]) -> Compiled:
    return compile_database(expressions)


def with_headers(*several: str) -> Transaction:
    headers = tuple((name, "1") for name in several)
    return Transaction(
        make_request(client_ip="203.0.113.7", method="GET", path="/", headers=headers)
    )


def told(outcome: Outcome) -> list[tuple[int, object, int]]:
    return [(one.rule.id, one.found, one.points) for one in outcome.fired if one.rule.recorded]
