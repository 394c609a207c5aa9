"""Who wins, cutting, observe, and broken stores: held as properties over the whole engine."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskengine.behavior.features import NAMES
from riskengine.clock import ManualClock
from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.engine import Engine
from riskengine.errors import StoreError
from riskengine.request import Request, make_request
from riskengine.ruleset.addresses import AddressesFile
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.bots import BotsFile
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.ruleset.ruleset import Ruleset
from riskengine.store.ban_book import BanBook
from riskengine.store.ban_feed import BanFeed
from riskengine.store.bans import make_ban
from riskengine.store.counters import Counters, Hit, Tally
from riskengine.store.memory import MemoryCounters
from riskengine.store.memory_bans import MemoryBans

START = 1_700_000_000.0
PLAIN, BLOCKED, ALLOWED, BOTH = "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"
BOT, BANNED, BANNED_BOT = "203.0.113.5", "203.0.113.6", "203.0.113.7"
BOTS = [BOT, BANNED_BOT]
CLIENTS = [
    PLAIN,
    BOT,
    BANNED,
    BANNED_BOT,
    "203.0.113.9",
    "2001:db8::1",
    "2001:db8::2",
    BLOCKED,
    ALLOWED,
    BOTH,
]
AGENTS = ["", "Firefox/140.0", "goodbot/1.0", "GOODBOT", "shybot/2.0"]
PATHS = ["/", "/login", "/products/7", "/.git/config", "/search", "/static/a.css"]


class FixedModel:
    """Scores by the number of requests in the profile's rates: enough to cross thresholds."""

    version = "fixed-1"
    features = NAMES

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        self.seen += rows.tolist()
        sums: NDArray[np.float64] = np.nan_to_num(rows.astype(np.float64)).sum(axis=1)
        return np.abs(np.sin(sums))


class AwayCounters:
    """A store that is not there."""

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        raise StoreError("away")

    async def close(self) -> None:
        pass


def ruleset(modes: Sequence[str]) -> Ruleset:
    """Small rules of every stage; `modes` are those of the block, route, limit and score rules."""
    block, forbidden, login, search, odd = modes
    return Ruleset(
        addresses=AddressesFile.model_validate(
            {
                "allowlists": [{"id": "ok", "description": "x", "networks": [ALLOWED, BOTH]}],
                "blocklists": [
                    {"id": "bad", "description": "x", "networks": [BLOCKED, BOTH], "mode": block}
                ],
            }
        ),
        parameters=ParametersFile.model_validate(
            {
                "checks": [
                    {
                        "id": "never-served",
                        "description": "x",
                        "mode": forbidden,
                        "ban_for": "2s",
                        "ban_scope": "all",
                        "check": "forbidden_paths",
                        "paths": ["/.git/**"],
                    }
                ]
            }
        ),
        limits=LimitsFile.model_validate(
            {
                "limits": [
                    {
                        "id": "login",
                        "description": "x",
                        "mode": login,
                        "match": {"paths": ["/login"]},
                        "key": ["ip"],
                        "limit": 2,
                        "window": "10s",
                        "verdict": "deny",
                        "ban_for": "5s",
                    },
                    {
                        "id": "all",
                        "description": "x",
                        "mode": search,
                        "key": ["namespace"],
                        "limit": 12,
                        "window": "5s",
                    },
                    {
                        "id": "bots",
                        "description": "x",
                        "match": {"bot": ["verified"]},
                        "key": ["bot"],
                        "limit": 4,
                        "window": "10s",
                    },
                ]
            }
        ),
        behavior=BehaviorFile.model_validate(
            {
                "model": "fixed",
                "min_requests": 3,
                "thresholds": [{"id": "odd", "description": "x", "threshold": 0.6, "mode": odd}],
            }
        ),
        bots=BotsFile.model_validate(
            {
                "bots": [
                    {
                        "id": "good",
                        "description": "x",
                        "user_agents": ["goodbot"],
                        "networks": BOTS,
                    },
                    {
                        "id": "shy",
                        "description": "x",
                        "user_agents": ["shybot"],
                        "domains": ["bots.example"],
                    },
                ]
            }
        ),
        routes=RouteTable(()),
        revision="test",
        directory=Path("rules"),
    )


def engine_of(rules: Ruleset, counters: Counters | None = None) -> Engine:
    clock = ManualClock(START)
    book = BanBook()
    for banned in (BANNED, BANNED_BOT, BOTH):
        book.put(make_ban(banned, created_at=START, expires_at=START + 1_000_000))
    return Engine(
        rules,
        bans=BanFeed(MemoryBans(clock), book, clock),
        model=FixedModel(),
        counters=counters or MemoryCounters(clock),
        clock=clock,
        believe_received_at=True,
        decision_ids=map(str, itertools.count()).__next__,
    )


def claims(request: Request) -> bool:
    """Whether a client calls itself the bot whose networks are known."""
    return "goodbot" in dict(request.headers).get("user-agent", "").lower()


def hits_of(decision: Decision) -> list[RuleHit]:
    """What stopped or would have stopped a request, without the allowlist's own word."""
    return [hit for hit in decision.hits if hit.verdict is not Verdict.ALLOW]


ENFORCED = ["enforce"] * 5
modes = st.lists(st.sampled_from(["enforce", "observe", "disabled"]), min_size=5, max_size=5)
gaps = st.sampled_from([0.0, 0.0, 0.001, 0.4, 1.0, 3.0, 11.0])


@st.composite
def traffic(draw: st.DrawFn) -> list[Request]:
    at, requests = START, []
    for number in range(draw(st.integers(1, 30))):
        at += draw(gaps)
        requests.append(
            make_request(
                client_ip=draw(st.sampled_from(CLIENTS)),
                method=draw(st.sampled_from(["GET", "POST"])),
                path=draw(st.sampled_from(PATHS)),
                request_id=str(number),
                headers=(("user-agent", draw(st.sampled_from(AGENTS))),),
                host=draw(st.sampled_from(["a.example", "b.example"])),
                session_id=draw(st.sampled_from(["", "", "s1"])),
                received_at=at,
            )
        )
    return requests


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
