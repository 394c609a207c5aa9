"""The signatures stage remembers what was clean; that must never hide what is not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.decision import RuleHit
from riskengine.inspection import Batch
from riskengine.request import Request, make_request
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.ruleset.signatures import SignaturesFile
from riskengine.seclang.pattern_cache import PatternCache
from riskengine.stages.signature_sets import CompiledSet
from riskengine.stages.signatures import SignaturesStage

RULES = Path(__file__).parents[2] / "rules"
ROUTES = ParametersFile.model_validate({"routes": [{"id": "quiet", "path": "/quiet"}]})
SQL = "1%27+or+1%3D1--+"
CLEAN = "shoes"
EXCLUSIONS: list[dict[str, Any]] = [
    {"rule": 10100, "path": "/free/**"},
    {"rule": 10100, "parameter": "ARGS:note"},
    {"rule": 10100, "parameter": "ARGS:text", "routes": ["quiet"]},
]


class Stage:
    """The small set of rules/signatures, with exclusions written in the test."""

    def __init__(self, *exclusions: dict[str, Any], **fields: Any) -> None:
        own = {"id": "small", "description": "d", "owner": "o", "false_positives": "f"}
        own |= {"directory": "signatures", **fields}
        named = [{"description": "d", **one} for one in exclusions]
        rules = SignaturesFile.model_validate({"sets": [own], "exclusions": named})
        self.routes = RouteTable(ROUTES.routes)
        compiled = CompiledSet(rules.sets[0], rules.exclusions, RULES, PatternCache(None))
        self.stage = SignaturesStage(rules, (compiled,))

    def hits(self, *requests: Request) -> list[list[RuleHit]]:
        batch = Batch.of(requests, self.routes, now=0.0, deadline=1.0)
        asyncio.run(self.stage.inspect(batch))
        return [list(inspection.hits) for inspection in batch.every]

    def rules(self, request: Request) -> set[str]:
        return {hit.rule_id for hit in self.hits(request)[0] if hit.reason == "signature.match"}


def ask(query: str, path: str = "/search", **fields: Any) -> Request:
    return make_request(client_ip="203.0.113.7", method="GET", path=path, query=query, **fields)


@pytest.fixture(scope="module")
def small() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def excluding() -> Stage:
    return Stage(*EXCLUSIONS)


def test_the_same_value_is_found_wherever_rules_look_and_only_there(small: Stage) -> None:
    lookup = "${jndi:ldap://x}"
    for _ in range(2):
        assert small.rules(ask("", headers=(("x-a", lookup),))) == {"10400"}
        assert small.rules(ask("", headers=(("cookie", f"a={SQL}"),))) == {"10100"}
        assert small.rules(ask("", headers=(("x-a", "1' or 1=1-- "),))) == set()
        assert small.rules(ask(f"q={SQL}")) == {"10100"}
        assert small.rules(ask("", path="/a/../../../b")) == {"10300"}
        assert small.rules(ask("", path="/a/b")) == set()


def test_what_was_clean_beside_other_values_is_found_beside_bad_ones(small: Stage) -> None:
    assert not small.rules(ask(f"q={CLEAN}"))
    assert small.rules(ask(f"q={CLEAN}&p={SQL}")) == {"10100"}
    assert not small.rules(ask(f"q={CLEAN}"))


def test_an_excluded_path_is_spared_and_its_values_are_found_elsewhere(excluding: Stage) -> None:
    for _ in range(2):
        assert not excluding.rules(ask(f"q={SQL}", path="/free/a"))
        assert excluding.rules(ask(f"q={SQL}", path="/bound")) == {"10100"}


def test_an_excluded_parameter_is_spared_and_its_value_is_found_in_others(
    excluding: Stage,
) -> None:
    for _ in range(2):
        assert not excluding.rules(ask(f"note={SQL}"))
        assert excluding.rules(ask(f"q={SQL}")) == {"10100"}
        assert excluding.rules(ask(f"note={SQL}&q={SQL}")) == {"10100"}


def test_an_exclusion_on_a_route_holds_on_that_route_only(excluding: Stage) -> None:
    for _ in range(2):
        assert not excluding.rules(ask(f"text={SQL}", path="/quiet"))
        assert excluding.rules(ask(f"text={SQL}", path="/loud")) == {"10100"}


def test_exclusions_of_one_request_do_not_hold_for_others_of_its_batch(excluding: Stage) -> None:
    found = excluding.hits(
        ask(f"q={SQL}", path="/free/a"), ask("q=1"), ask(f"q={SQL}", path="/bound")
    )
    assert [len(hits) for hits in found] == [0, 0, 2]


def test_a_body_is_looked_at_even_where_all_else_is_known_to_be_clean(small: Stage) -> None:
    form = (("content-type", "application/x-www-form-urlencoded"),)
    assert not small.rules(ask("", headers=form))
    assert not small.rules(ask("", headers=form, body=b"q=shoes"))
    assert small.rules(ask("", headers=form, body=f"q={SQL}".encode())) == {"10100"}
    assert not small.rules(ask("", headers=form))


def test_a_budget_is_the_same_for_what_is_remembered() -> None:
    tight = Stage(budget=10_000)
    request = ask("&".join(f"q{n}=a'{'b' * 40}" for n in range(200)))
    for _ in range(2):
        [[hit]] = tight.hits(request)
        assert hit.reason == "signature.budget"


pieces = st.sampled_from([CLEAN, SQL, "", "%3Cscript%3Ealert(1)%3C/script%3E", "1%3Bid", "a+b"])
requests = st.builds(
    lambda path, query, cookie, agent: ask(
        f"q={query}&note={query[:4]}" if query else "",
        path=path,
        headers=(("user-agent", agent), ("cookie", f"a={cookie}; b=1")),
    ),
    st.sampled_from(["/a", "/free/x", "/quiet", "/etc/passwd"]),
    pieces,
    pieces,
    st.sampled_from(["Mozilla/5.0", "${jndi:ldap://x}", ""]),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(requests, min_size=1, max_size=12))
def test_an_old_stage_finds_what_a_new_one_finds(excluding: Stage, asked: list[Request]) -> None:
    assert excluding.hits(*asked) == Stage(*EXCLUSIONS).hits(*asked)


def test_a_host_that_came_as_authority_is_the_host_header(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "host.conf").write_text(
        'SecRule &REQUEST_HEADERS:Host "@eq 0" "id:1,phase:1,log,pass,msg:\'no host\'"\n'
        'SecRule REQUEST_HEADERS:Host "@streq shop.example" "id:2,phase:1,log,pass"\n'
        'SecRule REQUEST_HEADERS_NAMES "@streq host" "id:3,phase:1,log,pass"\n'
    )
    stage = Stage(directory=str(own))
    for _ in range(2):
        assert stage.rules(ask("")) == {"1"}
        assert stage.rules(ask("", host="shop.example")) == {"2", "3"}
        assert stage.rules(ask("", headers=(("host", "shop.example"),))) == {"2", "3"}
        given_by_both = ask("", host="other.example", headers=(("host", "shop.example"),))
        assert stage.rules(given_by_both) == {"2", "3"}
