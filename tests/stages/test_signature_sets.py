"""Sets of signatures: where they hold, whom they look at, what they do under overload."""

from pathlib import Path

import pytest

from riskengine.clock import ManualClock
from riskengine.decision import Decision, Verdict
from riskengine.engine import Engine
from riskengine.errors import RulesetError
from riskengine.inspection import Batch
from riskengine.request import Request, make_request
from riskengine.ruleset.loader import load_ruleset
from riskengine.seclang.pattern_cache import PatternCache
from riskengine.stages.signature_sets import CompiledSet
from riskengine.stages.signatures import SignaturesStage
from riskengine.store.memory import MemoryCounters

ATTACK = "q=attack"
SECLANG = """
SecRule ARGS "@contains attack" "id:1,phase:2,pass,log,setvar:tx.inbound_anomaly_score_pl1=+5"
SecRule TX:inbound_anomaly_score_pl1 "@ge %{tx.inbound_anomaly_score_threshold}" \\
    "id:9,phase:2,deny,nolog"
"""
ROUTES = """routes:
  - {id: search, path: /search}
  - {id: editor, path: /editor}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.conf").write_text(SECLANG)
    (tmp_path / "parameters.yaml").write_text(ROUTES)
    write(tmp_path)
    return tmp_path


def write(rules: Path, fields: str = "", exclusions: str = "") -> None:
    (rules / "signatures.yaml").write_text(
        f"sets:\n  - {{id: own, description: Ours., directory: own{fields}}}\n{exclusions}"
    )


def ask(
    path: str = "/search", query: str = ATTACK, *, client: str = "203.0.113.1", agent: str = ""
) -> Request:
    headers = (("user-agent", agent),) if agent else ()
    return make_request(
        client_ip=client, method="GET", path=path, query=query, host="shop", headers=headers
    )


async def decide(rules: Path, *requests: Request) -> list[Decision]:
    clock = ManualClock(1_700_000_000.0)
    engine = Engine(load_ruleset(rules), clock=clock, counters=MemoryCounters(clock))
    decisions = []
    for request in requests:
        decisions += await engine.evaluate([request])
        clock.advance(1)
    await engine.close()
    return decisions


async def test_a_request_that_reaches_the_threshold_is_stopped_by_the_set(rules: Path) -> None:
    [stopped, passed] = await decide(rules, ask(), ask(query="q=shoes"))
    assert (stopped.verdict, stopped.rule_id) == (Verdict.DENY, "own")
    assert [(hit.rule_id, hit.reason) for hit in stopped.hits] == [
        ("1", "signature.match"),
        ("own", "signature.threshold"),
    ]
    assert stopped.hits[0].detail == "1 at ARGS:q: 'attack' (5 points)"
    assert (passed.verdict, passed.hits) == (Verdict.ALLOW, ())


@pytest.mark.parametrize(
    ("own", "hits"),
    [("mode: disabled", 0), ("mode: observe", 2), ("threshold: 6", 1)],
)
async def test_a_route_may_have_its_own_mode_and_threshold(
    rules: Path, own: str, hits: int
) -> None:
    write(rules, f", routes: [{{routes: [editor], {own}}}]")
    [there, elsewhere] = await decide(rules, ask("/editor"), ask("/search"))
    assert (there.verdict, len(there.hits)) == (Verdict.ALLOW, hits)
    assert elsewhere.verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("where", "passing", "stopped"),
    [
        ("", ["/search", "/editor", "/"], []),
        ("path: /search", ["/search"], ["/editor", "/"]),
        ("routes: [editor]", ["/editor"], ["/search", "/"]),
        ('parameter: "ARGS:q"', ["/search"], []),
        ('parameter: "ARGS:other"', [], ["/search"]),
        ('parameter: "ARGS:q", path: /search', ["/search"], ["/editor"]),
    ],
)
async def test_an_exclusion_holds_where_it_says_and_nowhere_else(
    rules: Path, where: str, passing: list[str], stopped: list[str]
) -> None:
    more = f", {where}" if where else ""
    write(rules, exclusions=f"exclusions:\n  - {{rule: 1, description: Ours{more}}}\n")
    decisions = await decide(rules, *map(ask, passing), *map(ask, stopped))
    expected = [Verdict.ALLOW] * len(passing) + [Verdict.DENY] * len(stopped)
    assert [decision.verdict for decision in decisions] == expected


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("q=heart+attack", 0),
        ("q=attack", 5),
        ("q=heart+attack;attack", 5),
        ("q=attack&p=heart+attack", 5),
        ("q=attack&p=attack", 10),
        ("p=heart+attack&q=lung+attack", 0),
    ],
)
async def test_an_exclusion_by_value_spares_whole_values_of_that_form(
    rules: Path, query: str, points: int
) -> None:
    form = "'(?:heart|lung) attack'"
    write(rules, exclusions=f"exclusions:\n  - {{rule: 1, value: {form}, description: Health.}}\n")
    [decision] = await decide(rules, ask(query=query))
    assert (decision.verdict is Verdict.DENY) is (points > 0)
    assert [hit.detail.endswith(f"({points} points)") for hit in decision.hits[:1]] == [True] * (
        points > 0
    )


async def test_an_exclusion_by_value_and_tag_leaves_chains_and_other_rules_alone(
    rules: Path,
) -> None:
    chain = """
SecRule ARGS "@contains attack" "id:2,phase:2,pass,log,tag:loud,chain"
    SecRule MATCHED_VAR "@rx !$" "setvar:tx.inbound_anomaly_score_pl1=+5"
SecAction "id:3,phase:2,pass,log,tag:loud"
"""
    (rules / "own" / "more.conf").write_text(chain)
    write(rules, exclusions="exclusions:\n  - {tag: loud, value: 'an? attack!', description: A.}\n")
    [spared, found] = await decide(rules, ask(query="q=an attack!"), ask(query="q=attack!"))
    assert {hit.rule_id for hit in spared.hits} == {"1", "3", "own"}
    assert {hit.rule_id for hit in found.hits} == {"1", "2", "3", "own"}


@pytest.mark.parametrize(
    ("exclusion", "message"),
    [
        ("rule: 1, value: '(a'", r"signatures.yaml: exclusion of 1: @rx: .* missing \)"),
        ("rule: 1, value: a, path: /search", "value holds everywhere: leave out"),
        ('rule: 1, value: a, parameter: "ARGS:q"', "value holds everywhere: leave out"),
        ("rule: 1, value: ''", "must be text of 1 to 1024 characters"),
    ],
)
def test_an_exclusion_by_value_that_cannot_be_had_is_refused(
    rules: Path, exclusion: str, message: str
) -> None:
    write(rules, exclusions=f"exclusions:\n  - {{{exclusion}, description: Ours.}}\n")
    with pytest.raises(RulesetError, match=message):
        Engine(load_ruleset(rules), counters=MemoryCounters(ManualClock(0.0)))


async def test_sampling_looks_at_a_share_of_addresses_and_always_at_the_same(rules: Path) -> None:
    write(rules, ", sampling: 40")
    clients = [f"203.0.113.{n}" for n in range(200)]
    asked = [ask(client=client) for client in clients for _ in range(2)]
    verdicts = [decision.verdict for decision in await decide(rules, *asked)]
    assert verdicts[::2] == verdicts[1::2]
    assert 50 < verdicts[::2].count(Verdict.DENY) < 110


async def test_sampling_of_nobody_looks_at_nobody(rules: Path) -> None:
    write(rules, ", sampling: 0")
    assert [d.verdict for d in await decide(rules, ask())] == [Verdict.ALLOW]


async def test_only_requests_of_the_origins_meant_are_looked_at(rules: Path) -> None:
    write(rules, ", match: {agent: [curl]}")
    [curl, browser] = await decide(rules, ask(agent="curl/8.5.0"), ask(agent="Wget/1.21.4"))
    assert (curl.verdict, browser.verdict) == (Verdict.DENY, Verdict.ALLOW)
    assert browser.hits == ()


async def test_who_is_stopped_is_banned_on_that_host_for_as_long_as_the_set_says(
    rules: Path,
) -> None:
    write(rules, ", ban_for: 10m")
    [first, banned, other] = await decide(
        rules, ask(), ask(query="q=shoes"), ask(query="q=shoes", client="203.0.113.2")
    )
    assert (first.reason, first.rule_id) == ("signature.threshold", "own")
    assert (banned.verdict, banned.stage) == (Verdict.DENY, "addresses")
    assert other.verdict is Verdict.ALLOW


async def test_a_set_that_only_observes_bans_nobody(rules: Path) -> None:
    write(rules, ", ban_for: 10m, mode: observe")
    assert [d.verdict for d in await decide(rules, ask(), ask(query="q=shoes"))] == [
        Verdict.ALLOW,
        Verdict.ALLOW,
    ]


async def shed(rules: Path, request: Request) -> Batch:
    """The batch of one request after the stage, under overload."""
    ruleset = load_ruleset(rules)
    [source] = ruleset.signatures.sets
    compiled = CompiledSet(source, (), rules, PatternCache(None))
    batch = Batch.of(
        [request], ruleset.routes, now=0.0, deadline=1.0, shed=frozenset({"signatures"})
    )
    await SignaturesStage(ruleset.signatures, [compiled]).inspect(batch)
    return batch


async def test_under_overload_what_needs_much_passes_unseen_and_says_so(rules: Path) -> None:
    write(rules, ", budget: 10000")
    [inspection] = (await shed(rules, ask(query="q=" + "x" * 5_000 + "attack"))).every
    assert inspection.degraded == ("signatures",)
    assert inspection.hits == []


async def test_under_overload_what_needs_little_is_judged_as_ever(rules: Path) -> None:
    [inspection] = (await shed(rules, ask())).every
    assert inspection.degraded == ()
    assert [hit.reason for hit in inspection.hits] == ["signature.match", "signature.threshold"]


@pytest.mark.parametrize(("on_budget", "observed"), [("stop", False), ("observe", True)])
async def test_a_request_beyond_its_budget_is_stopped_or_recorded(
    rules: Path, on_budget: str, observed: bool
) -> None:
    write(rules, f", budget: 10000, on_budget: {on_budget}")
    [decision] = await decide(rules, ask(query="q=" + "x" * 20_000))
    [hit] = [hit for hit in decision.hits if hit.reason == "signature.budget"]
    assert hit.observed is observed
    assert decision.verdict is (Verdict.ALLOW if observed else Verdict.DENY)
