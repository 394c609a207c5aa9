"""Which of several limits counts: groups, overrides, rollouts, moments, reloads."""

import pytest

from riskengine.decision import Verdict
from riskengine.request import Request
from tests.stages.limit_bench import limit, request
from tests.stages.limit_feature_bench import Bench


async def test_all_rules_that_match_count() -> None:
    bench = Bench(limit(id="all"), limit(id="page", match={"paths": ["/page"]}))
    [inspection] = await bench.run(request(path="/page"))
    assert [state.rule_id for state in inspection.limits] == ["all", "page"]


@pytest.mark.parametrize(
    ("asked", "counted"),
    [
        (request(path="/page", method="POST"), "page-posts"),
        (request(path="/page"), "page"),
        (request(path="/page/deep/below"), "below-page"),
        (request(path="/elsewhere"), "rest"),
    ],
)
async def test_of_a_group_only_the_most_specific_rule_counts(asked: Request, counted: str) -> None:
    bench = Bench(
        limit(id="rest", group="pages"),
        limit(id="below-all", group="pages", match={"paths": ["/page/**"]}, mode="disabled"),
        limit(id="below-page", group="pages", match={"paths": ["/page/deep/**"]}),
        limit(id="page", group="pages", match={"paths": ["/page"]}),
        limit(id="page-posts", group="pages", match={"paths": ["/page"], "methods": ["POST"]}),
        limit(id="outside"),
    )
    [inspection] = await bench.run(asked)
    assert sorted(state.rule_id for state in inspection.limits) == sorted([counted, "outside"])


async def test_an_observing_rule_takes_no_place_in_its_group() -> None:
    bench = Bench(
        limit(id="watch", group="g", match={"paths": ["/page"]}, mode="observe"),
        limit(id="real", group="g"),
    )
    [inspection] = await bench.run(request(path="/page"))
    assert {(state.rule_id, state.observed) for state in inspection.limits} == {
        ("watch", True),
        ("real", False),
    }


async def test_some_keys_have_a_limit_of_their_own() -> None:
    overrides = {"lim": {"acme": 4, "203.0.113.9": 1, "2001:db8::1": 3, "o'hara": 1}}
    bench = Bench(limit(key=["user"], limit=2), overrides=overrides)
    assert await bench.verdicts(*[request(user_id="acme")] * 5) == "aaaat"
    assert await bench.verdicts(*[request(user_id="other")] * 3) == "aat"
    assert await bench.verdicts(*[request(user_id="o'hara")] * 2) == "at"
    bench = Bench(limit(limit=2), overrides=overrides)
    assert await bench.verdicts(*[request("203.0.113.9")] * 2) == "at"
    assert await bench.verdicts(*[request("2001:db8::77")] * 4) == "aaat"


async def test_an_override_of_two_parts_names_both() -> None:
    bench = Bench(limit(key=["ip", "user"]), overrides={"lim": {"203.0.113.7,ada": 1}})
    assert await bench.verdicts(*[request(user_id="ada")] * 2) == "at"
    assert await bench.verdicts(*[request(user_id="bob")] * 2) == "aa"


async def test_a_rollout_enforces_about_its_share_of_keys_and_always_the_same_ones() -> None:
    clients = [request(f"198.51.{n // 250}.{n % 250}") for n in range(1_000)]
    stopped: list[set[str]] = []
    for share in (0, 25, 60, 100):
        bench = Bench(limit(limit=1, rollout=share))
        await bench.run(*clients)
        judged = await bench.run(*clients)
        assert all(inspection.hits for inspection in judged)
        stopped.append({i.request.address.text for i in judged if i.verdict is Verdict.THROTTLE})
    assert [len(some) for some in (stopped[0], stopped[3])] == [0, 1_000]
    assert 190 < len(stopped[1]) < 310
    assert stopped[1] < stopped[2], "who is in stays in when the share grows"


async def test_a_rule_holds_between_its_moments_only() -> None:
    bench = Bench(
        limit(limit=1, starts_at="2026-11-24T12:00:00Z", expires_at="2026-11-24T13:00:00Z")
    )
    assert await bench.verdicts(request(), request()) == "aa"
    bench.clock.advance(3_600)
    assert await bench.verdicts(request(), request()) == "at"
    bench.clock.advance(3_600)
    assert await bench.verdicts(request(), request()) == "aa"


async def test_a_new_limit_holds_for_what_was_counted_and_a_new_window_starts_afresh() -> None:
    bench = Bench(limit(limit=5))
    assert await bench.verdicts(*[request()] * 4) == "aaaa"
    bench.load(limit(limit=3))
    assert await bench.verdicts(request()) == "t"
    bench.load(limit(limit=6))
    assert await bench.verdicts(*[request()] * 3) == "aat"
    bench.load(limit(limit=2, window="2m"))
    assert await bench.verdicts(*[request()] * 3) == "aat"
    bench.load(limit(limit=2, algorithm="exact"))
    assert await bench.verdicts(*[request()] * 3) == "aat"
    bench.load(limit(limit=6))
    assert await bench.verdicts(request()) == "t", "what the first window holds is still there"


async def test_a_rule_that_is_switched_off_and_on_goes_on_where_it_was() -> None:
    bench = Bench(limit(limit=1))
    assert await bench.verdicts(request()) == "a"
    bench.load(limit(limit=1, mode="disabled"))
    assert await bench.verdicts(request()) == "a"
    bench.load(limit(limit=1, mode="observe"))
    assert await bench.verdicts(request()) == "a"
    bench.load(limit(limit=1))
    assert await bench.verdicts(request()) == "t"
