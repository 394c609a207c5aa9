"""Taking a request apart counts against its scan budget, the same whatever was seen before."""

import gzip
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from riskengine.request import Request, make_request
from riskengine.seclang.fast import FastRules
from riskengine.seclang.reader import read_rules
from riskengine.seclang.rules import RuleSet
from tests.seclang.crs_requests import fast_rules

FORM = "application/x-www-form-urlencoded"
ENOUGH = 4_000_000


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    path = tmp_path / "rules.conf"
    path.write_text('SecRule ARGS|REQUEST_COOKIES "@contains attack" "id:1,phase:2,pass,log"\n')
    return read_rules([path]).rules


@pytest.fixture
def fast(rules: RuleSet) -> FastRules:
    return fast_rules(rules, {})


def query(pairs: int, first: str = "p=1") -> Request:
    return ask(query="&".join([first, *(f"p{number}=1" for number in range(1, pairs))]))


def cookies(pairs: int, first: str = "p=1") -> Request:
    sent = "; ".join([first, *(f"p{number}=1" for number in range(1, pairs))])
    return ask(headers=(("cookie", sent),))


def form(pairs: int, first: str = "p=1") -> Request:
    sent = "&".join([first, *(f"p{number}=1" for number in range(1, pairs))])
    return ask(headers=(("content-type", FORM),), body=sent.encode())


MAKERS = pytest.mark.parametrize("make", [query, cookies, form])


def ask(query: str = "", headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> Request:
    return make_request(
        client_ip="203.0.113.7", method="POST" if body else "GET", path="/", query=query,
        headers=headers, body=body, body_size=len(body),
    )  # fmt: skip


def least_budget(rules: FastRules, request: Request) -> int:
    """The smallest budget that is enough."""
    low, high = 0, 1 << 40
    while low < high:
        middle = (low + high) // 2
        [outcome] = rules.evaluate([request], middle)
        low, high = (middle + 1, high) if outcome.exhausted else (low, middle)
    return low


@MAKERS
def test_each_pair_costs_more_than_the_looks_at_it(
    fast: FastRules, make: Callable[[int], Request]
) -> None:
    costs = [least_budget(fast, make(pairs)) for pairs in (10, 110, 210)]
    each = [(more - less) / 100 for less, more in pairwise(costs)]
    assert min(each) > 2 * 32


@MAKERS
def test_what_is_remembered_changes_no_cost(rules: RuleSet, make: Callable[[int], Request]) -> None:
    warm = fast_rules(rules, {})
    request = make(200)
    enough = least_budget(warm, request)
    for budget, exhausted in ((enough, False), (enough - 1, True)):
        [cold] = fast_rules(rules, {}).evaluate([request], budget)
        [again] = warm.evaluate([request], budget)
        assert (cold.exhausted, again.exhausted) == (exhausted, exhausted)


@pytest.mark.parametrize(("make", "most"), [(query, 1_000), (cookies, 256)])
def test_more_values_than_are_read_need_more_than_any_budget(
    fast: FastRules, make: Callable[..., Request], most: int
) -> None:
    read, cut = fast.evaluate([make(most, "p=attack"), make(most + 1)], ENOUGH)
    assert [one.rule.id for one in read.fired] == [1]
    assert not read.exhausted
    assert cut.exhausted


def test_ten_thousand_parameters_are_out_of_budget_wherever_they_stand(fast: FastRules) -> None:
    assert [outcome.exhausted or bool(outcome.unread) for outcome in fast.evaluate(
        [query(10_000), cookies(10_000), form(10_000)], ENOUGH
    )] == [True, True, True]  # fmt: skip


def test_packed_body_costs_what_it_unpacks_to(fast: FastRules) -> None:
    body = b"p=" + b"1" * 50_000
    headers = (("content-type", FORM), ("content-encoding", "gzip"))
    packed = ask(headers=headers, body=gzip.compress(body))
    plain = ask(headers=headers[:1], body=body)
    looks = least_budget(fast, plain) - len(body)
    assert looks > len(body)
    assert least_budget(fast, packed) > looks
