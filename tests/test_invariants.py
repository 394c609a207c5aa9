"""Who wins, cutting, observe, and broken stores: held as properties over the whole engine."""

from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.decision import Verdict
from riskengine.request import Request
from tests.whole_engine import (
    ALLOWED,
    BANNED,
    BANNED_BOT,
    BLOCKED,
    BOTH,
    BOTS,
    ENFORCED,
    AwayCounters,
    claims,
    engine_of,
    hits_of,
    modes,
    ruleset,
    traffic,
)


@settings(max_examples=150, deadline=None)
@given(traffic(), modes, st.data())
async def test_decisions_do_not_depend_on_how_traffic_was_cut_into_batches(
    requests: list[Request], chosen: list[str], data: st.DataObject
) -> None:
    whole = await engine_of(ruleset(chosen)).evaluate(requests)
    engine, parts, start = engine_of(ruleset(chosen)), [], 0
    while start < len(requests):
        size = data.draw(st.integers(1, len(requests)))
        parts += await engine.evaluate(requests[start : start + size])
        start += size
    assert parts == whole


@settings(max_examples=150, deadline=None)
@given(traffic(), modes, st.booleans())
async def test_the_lists_are_final_whatever_else_is_broken(
    requests: list[Request], chosen: list[str], store_away: bool
) -> None:
    chosen = ["enforce", *chosen[1:]]
    engine = engine_of(ruleset(chosen), AwayCounters() if store_away else None)
    for request, decision in zip(requests, await engine.evaluate(requests), strict=True):
        if request.address.text in (ALLOWED, BOTH):
            assert (decision.verdict, decision.rule_id) == (Verdict.ALLOW, "ok")
            assert all(hit.observed for hit in hits_of(decision))
        if request.address.text == BLOCKED and not claims(request):
            assert (decision.verdict, decision.rule_id) == (Verdict.DENY, "bad")


@settings(max_examples=75, deadline=None)
@given(traffic(), modes, st.booleans())
async def test_a_banned_client_is_never_allowed_unless_allowlisted_or_a_verified_bot(
    requests: list[Request], chosen: list[str], store_away: bool
) -> None:
    engine = engine_of(ruleset(chosen), AwayCounters() if store_away else None)
    for request, decision in zip(requests, await engine.evaluate(requests), strict=True):
        if request.address.text == BANNED or (
            request.address.text == BANNED_BOT and not claims(request)
        ):
            assert (decision.verdict, decision.stage) == (Verdict.DENY, "addresses")


@settings(max_examples=75, deadline=None)
@given(traffic(), modes, st.booleans())
async def test_a_verified_bot_is_stopped_by_parameters_and_limits_of_its_own_alone(
    requests: list[Request], chosen: list[str], store_away: bool
) -> None:
    engine = engine_of(ruleset(chosen), AwayCounters() if store_away else None)
    for request, decision in zip(requests, await engine.evaluate(requests), strict=True):
        if request.address.text not in BOTS or not claims(request):
            assert decision.rule_id != "bots"
            continue
        assert decision.rule_id in ("", "never-served", "bots")
        assert {state.rule_id for state in decision.limits} <= {"bots"}
        if request.path == "/.git/config" and chosen[1] == "enforce":
            assert (decision.verdict, decision.rule_id) == (Verdict.DENY, "never-served")


@settings(max_examples=75, deadline=None)
@given(traffic(), modes)
async def test_a_spoofed_bot_is_refused_and_one_that_cannot_be_verified_is_anybody(
    requests: list[Request], chosen: list[str]
) -> None:
    engine = engine_of(ruleset(chosen))
    for request, decision in zip(requests, await engine.evaluate(requests), strict=True):
        spoofs = claims(request) and request.address.text not in BOTS
        if spoofs and request.address.text not in (ALLOWED, BOTH):
            assert (decision.verdict, decision.stage) == (Verdict.DENY, "addresses")
        assert spoofs == any(hit.reason == "bot.spoofed" for hit in decision.hits)
        assert "shy" not in {hit.rule_id for hit in decision.hits}


@settings(max_examples=75, deadline=None)
@given(traffic(), modes)
async def test_whoever_is_banned_by_a_rule_is_refused_until_the_ban_ends(
    requests: list[Request], chosen: list[str]
) -> None:
    """`ban_for` of the check means all hosts, that of the limit the host that was asked."""
    lasts = {"never-served": 2.0, "login": 5.0}
    bans: list[tuple[str, str, float, float]] = []
    for request, decision in zip(
        requests, await engine_of(ruleset(chosen)).evaluate(requests), strict=True
    ):
        at, subject = request.received_at or 0.0, request.address.subject
        exempt = request.address.text in (ALLOWED, BOTH, *BOTS)
        banned = [
            ban for ban in bans if ban[0] == subject and ban[1] in ("", request.host)
            and ban[2] < at < ban[3]
        ]  # fmt: skip
        if banned and not exempt:
            assert decision.verdict is Verdict.DENY
            assert "address.banned" in {hit.reason for hit in decision.hits}
        elif not exempt and request.address.text != BANNED:
            assert "address.banned" not in {hit.reason for hit in decision.hits}
        if exempt or decision.stage == "addresses":
            continue
        for hit in hits_of(decision):
            if hit.rule_id in lasts and not hit.observed:
                host = "" if hit.rule_id == "never-served" else request.host
                bans.append((subject, host, at, at + lasts[hit.rule_id]))


@settings(max_examples=150, deadline=None)
@given(traffic(), modes)
async def test_observing_rules_change_no_outcome_and_no_enforced_counter(
    requests: list[Request], chosen: list[str]
) -> None:
    without = ["disabled" if mode == "observe" else mode for mode in chosen]
    observed = await engine_of(ruleset(chosen)).evaluate(requests)
    bare = await engine_of(ruleset(without)).evaluate(requests)
    for one, other in zip(observed, bare, strict=True):
        assert (one.verdict, one.stage, one.rule_id) == (other.verdict, other.stage, other.rule_id)
        assert [hit for hit in one.hits if not hit.observed] == [
            hit for hit in other.hits if not hit.observed
        ]
        assert [state for state in one.limits if not state.observed] == [
            state for state in other.limits if not state.observed
        ]


@settings(max_examples=100, deadline=None)
@given(traffic(), modes)
async def test_the_deciding_hit_is_the_strictest_enforced_one_of_the_first_stage_that_stops(
    requests: list[Request], chosen: list[str]
) -> None:
    order = ["addresses", "parameters", "rate_limits", "behavior"]
    for decision in await engine_of(ruleset(chosen)).evaluate(requests):
        stopping = [hit for hit in hits_of(decision) if not hit.observed]
        if decision.rule_id == "ok" or not stopping:
            assert decision.verdict is Verdict.ALLOW
            continue
        first = min(stopping, key=lambda hit: order.index(hit.stage)).stage
        rivals = [hit for hit in stopping if hit.stage == first]
        strictest = max(rivals, key=lambda hit: hit.verdict)
        assert (decision.stage, decision.rule_id) == (first, strictest.rule_id)
        assert {hit.stage for hit in stopping} == {first}


@settings(max_examples=50, deadline=None)
@given(traffic())
async def test_without_the_store_every_counted_decision_says_so_and_screening_still_works(
    requests: list[Request],
) -> None:
    engine = engine_of(ruleset(ENFORCED), AwayCounters())
    for request, decision in zip(requests, await engine.evaluate(requests), strict=True):
        screened = decision.stage in ("addresses", "parameters") and decision.rule_id != "ok"
        assert ("store" in decision.degraded) is not screened
        if request.path == "/.git/config" and request.address.text not in (ALLOWED, BOTH):
            assert decision.verdict is Verdict.DENY
