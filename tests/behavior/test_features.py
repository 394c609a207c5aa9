import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.behavior.features import HEADER_FEATURES, NAMES, OUTCOME_FEATURES, vector
from riskengine.behavior.profile import ProfileTable
from riskengine.decision import RuleHit, Verdict
from tests.behavior.visits import AT, BROWSER, HOST, visit

DOCS = Path(__file__).parents[2] / "docs" / "behavior.md"


def features(*requests: dict[str, Any], statuses: tuple[int, ...] = ()) -> dict[str, float]:
    """Features of the one client that sent `requests`."""
    table = ProfileTable(10, 3600)
    for fields in requests:
        inspection = visit(**fields)
        profile = table.observe(inspection)
    for status in statuses:
        table.outcome(inspection.profile_key, status, inspection.at)
    return dict(zip(NAMES, vector(profile, inspection.at), strict=True))


def test_steady_client_has_its_rate_at_every_horizon() -> None:
    seen = features(*({"after": i * 0.5} for i in range(6_000)))
    for name, horizon in (("rate_10s", 10), ("rate_1m", 60), ("rate_10m", 600)):
        assert math.expm1(seen[name]) == pytest.approx(2 * horizon, rel=0.05)


def test_rate_fades_while_nothing_comes() -> None:
    table = ProfileTable(1, 3600)
    profile = table.observe(visit())
    assert vector(profile, AT + 10)[0] == pytest.approx(math.log1p(math.exp(-1)))


def test_clockwork_has_no_spread_of_gaps_and_a_person_has() -> None:
    clockwork = features(*({"after": i * 2.0} for i in range(20)))
    person = features(*({"after": a} for a in (0, 3, 4, 30, 32, 95, 99, 100)))
    assert clockwork["gap_spread"] == pytest.approx(0, abs=1e-6)
    assert clockwork["gap_mean"] == pytest.approx(math.log(2))
    assert person["gap_spread"] > 1
    assert person["quick_share"] == 0


def test_assets_of_a_page_are_no_gaps_between_actions() -> None:
    seen = features(
        {"path": "/"}, {"path": "/static/a.css", "after": 0.1}, {"path": "/products/1", "after": 8}
    )
    assert seen["gap_mean"] == pytest.approx(math.log(8))
    assert seen["asset_share"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("path", "share"),
    [
        ("/unknown", "page_share"),
        ("/unknown.PNG", "asset_share"),
        ("/theme/site.css", "asset_share"),
        ("/api/v2/thing", "api_share"),
        ("/shop/api/thing", "api_share"),
        ("/rapid/thing", "page_share"),
        ("/static/anything", "asset_share"),
        ("/api/products/7/stock", "api_share"),
    ],
)
def test_kind_comes_from_the_route_else_from_the_path(path: str, share: str) -> None:
    assert features({"path": path})[share] == 1


def test_catalogue_walk_never_sees_a_page_twice() -> None:
    seen = features(*({"path": f"/products/{i}", "after": i} for i in range(200)))
    assert math.expm1(seen["distinct_products"]) == pytest.approx(200, rel=0.1)
    assert seen["revisit_share"] == pytest.approx(0, abs=0.05)
    assert seen["product_share"] == 1


def test_two_spellings_of_a_page_are_one_page() -> None:
    seen = features({"path": "/products/1"}, {"path": "/Products//1"}, {"path": "/%70roducts/1"})
    assert math.expm1(seen["distinct_pages"]) == pytest.approx(1, abs=0.01)


def test_pages_of_a_list_are_different_pages() -> None:
    seen = features({"path": "/list", "query": "page=1"}, {"path": "/list", "query": "page=2"})
    assert math.expm1(seen["distinct_pages"]) == pytest.approx(2, abs=0.01)
    assert seen["query_share"] == 1


def test_link_that_was_followed_differs_from_one_made_up() -> None:
    def came_from(page: str) -> dict[str, Any]:
        return {"path": "/products/1", "headers": (("referer", f"https://{HOST}{page}"),)}

    assert features({"path": "/list", "query": "p=2"}, came_from("/list?p=2"))["linked_share"] == 1
    assert features({"path": "/list"}, came_from("/never-seen"))["linked_share"] == 0
    elsewhere: dict[str, Any] = {"path": "/", "headers": (("referer", "https://search.example/"),)}
    assert math.isnan(features(elsewhere)["linked_share"])
    assert features(elsewhere)["referer_share"] == 1


def test_header_features_are_missing_where_the_source_tells_no_headers() -> None:
    seen = features({"headers_known": False, "headers": (("user-agent", "x"),)})
    assert all(math.isnan(seen[name]) for name in HEADER_FEATURES)
    told = features({"headers": ()})
    assert all(told[name] == 0 for name in HEADER_FEATURES)
    browser = features({"headers": BROWSER})
    assert [browser[f"{n}_share"] for n in ("language", "encoding", "fetch")] == [1, 1, 1]


def test_outcome_features_are_missing_until_an_outcome_was_reported() -> None:
    unknown = features({})
    assert all(math.isnan(unknown[name]) for name in OUTCOME_FEATURES)
    known = features({}, statuses=(200, 404, 401, 500))
    assert known["error_share"] == 0.75
    assert known["auth_error_share"] == 0.25


def test_changing_agents_are_counted() -> None:
    agents: list[dict[str, Any]] = [
        {"headers": (("user-agent", name),)} for name in ("a", "a", "b", "c")
    ]
    assert features(*agents)["agent_changes"] == pytest.approx(math.log1p(2))


def test_checkout_time_runs_from_the_last_product() -> None:
    steps: list[dict[str, Any]] = [
        {"path": "/products/1"},
        {"path": "/products/2", "after": 50},
        {"path": "/cart", "method": "POST", "after": 51},
        {"path": "/checkout", "after": 53},
    ]
    seen = features(*steps)
    assert seen["checkout_time"] == pytest.approx(math.log1p(3))
    assert seen["carts_per_product"] == 0.5
    assert math.isnan(features(*steps[:3])["checkout_time"])


def test_looking_at_the_login_page_is_no_attempt() -> None:
    seen = features({"path": "/login"}, {"path": "/login", "method": "POST"})
    assert seen["login_share"] == seen["post_share"] == 0.5


def test_profile_knows_what_earlier_stages_said() -> None:
    table = ProfileTable(1, 60)
    inspection = visit()
    inspection.decided_by = RuleHit("addresses", "bad", Verdict.DENY, "address.blocklisted")
    profile = table.observe(inspection)
    assert dict(zip(NAMES, vector(profile, AT), strict=True))["stopped_share"] == 1


_SHARES = tuple(name for name in NAMES if name.endswith("_share"))
_paths = st.sampled_from(["/", "/products/1", "/cart", "/checkout", "/login", "/a.css", "/api/x"])
_texts = st.text(max_size=30)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "path": st.one_of(_paths, _texts.map(lambda text: f"/{text}")),
                "query": _texts,
                "method": st.sampled_from(["GET", "POST"]),
                "after": st.floats(-1e6, 1e6),
                "headers_known": st.booleans(),
                "headers": st.lists(
                    st.tuples(st.sampled_from(["referer", "user-agent", "cookie"]), _texts)
                ).map(tuple),
            }
        ),
        min_size=1,
        max_size=20,
    )
)
def test_whatever_comes_features_are_finite_or_missing(requests: list[dict[str, Any]]) -> None:
    for request in requests:
        request["session_id"] = "s"
    seen = features(*requests)
    assert not any(math.isinf(value) for value in seen.values())
    for name in _SHARES:
        assert math.isnan(seen[name]) or -1e-9 <= seen[name] <= 1 + 1e-9, name


def test_every_feature_is_documented() -> None:
    table = re.findall(r"^\| `([a-z0-9_]+)` \|", DOCS.read_text(), re.MULTILINE)
    assert tuple(name for name in table if name in NAMES) == NAMES
