"""A whole engine with rules of every kind, and traffic that meets all of them."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
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
