"""Where a request comes from: what rules may ask, who is a bot, who is banned."""

from pathlib import Path
from typing import Any

import pytest

from riskengine.clock import ManualClock
from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.engine import Engine
from riskengine.errors import RulesetError
from riskengine.origin.verification import BotVerifier
from riskengine.request import make_request
from riskengine.ruleset.loader import load_ruleset
from tests.origin.test_verification import Steered

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "addresses" / "maxmind_test"
NOW = 1_700_000_000.0
GOOD, OTHER = "192.0.2.10", "198.51.100.10"


class Shop:
    """An engine over rules that a test writes."""

    def __init__(self, directory: Path, verifier: BotVerifier | None = None, **files: str) -> None:
        for name, text in files.items():
            path = directory / (f"{name}.yaml" if "_" not in name else name.replace("_", "."))
            path.write_text(text)
        self.clock = ManualClock(NOW)
        self.engine = Engine(load_ruleset(directory), clock=self.clock, verifier=verifier)

    async def ask(self, client_ip: str, agent: str = "", **words: Any) -> Decision:
        request = {"method": "GET", "path": "/", "client_ip": client_ip} | words
        headers = (("user-agent", agent),) if agent else ()
        [decision] = await self.engine.evaluate([make_request(headers=headers, **request)])
        return decision


def told(hits: tuple[RuleHit, ...]) -> list[tuple[str, str, bool]]:
    return [(hit.rule_id, hit.reason, hit.observed) for hit in hits]


BOTS = """bots:
  - {id: rangebot, description: x, user_agents: [RangeBot], lists: [ranges]}
  - {id: namebot, description: x, user_agents: [NameBot], domains: [bots.example]}
  - {id: shybot, description: x, user_agents: [ShyBot]}
"""
RANGES = """lists:
  - {id: ranges, file: ranges.txt, max_age: 1d}
blocklists:
  - {id: bad, description: x, networks: [192.0.2.0/24]}
"""


async def test_a_bot_in_its_published_ranges_is_exempt_from_blocklists(tmp_path: Path) -> None:
    shop = Shop(tmp_path, bots=BOTS, addresses=RANGES, ranges_txt=f"{GOOD}\n")
    decision = await shop.ask(GOOD, "Mozilla/5.0 (compatible; rangebot/1.0)")
    assert decision.verdict is Verdict.ALLOW
    assert told(decision.hits) == [
        ("rangebot", "bot.verified", True),
        ("bad", "address.blocklisted", True),
    ]
    assert (await shop.ask(GOOD, "Firefox")).rule_id == "bad"


async def test_a_client_outside_of_the_ranges_is_spoofed_and_denied(tmp_path: Path) -> None:
    shop = Shop(tmp_path, bots=BOTS, addresses=RANGES, ranges_txt=f"{GOOD}\n")
    decision = await shop.ask(OTHER, "RangeBot")
    assert (decision.verdict, decision.reason) == (Verdict.DENY, "bot.spoofed")


@pytest.mark.parametrize("ranges", ["stale", "empty"])
async def test_a_list_that_is_stale_or_empty_proves_nothing_against_anybody(
    tmp_path: Path, ranges: str
) -> None:
    shop = Shop(
        tmp_path, bots=BOTS, addresses=RANGES, ranges_txt=f"{GOOD}\n" if ranges == "stale" else ""
    )
    if ranges == "stale":
        shop.clock.set(shop.engine.ruleset.lists["ranges"].fetched_at + 86_401)
    assert (await shop.ask(OTHER, "RangeBot")).hits == ()


async def test_a_bot_that_publishes_nothing_is_anybody(tmp_path: Path) -> None:
    shop = Shop(tmp_path, bots=BOTS, addresses=RANGES, ranges_txt=f"{GOOD}\n")
    assert (await shop.ask(OTHER, "ShyBot")).hits == ()
    assert (await shop.ask(OTHER, "NameBot")).hits == (), "nobody can be asked here"


async def test_a_bot_is_verified_by_name_after_its_first_request(tmp_path: Path) -> None:
    verifier = BotVerifier(Steered(), ManualClock(NOW))
    shop = Shop(tmp_path, verifier, bots=BOTS, addresses=RANGES, ranges_txt=f"{OTHER}\n")
    assert (await shop.ask(GOOD, "NameBot")).rule_id == "bad", "not known yet"
    await verifier.settle()
    assert (await shop.ask(GOOD, "NameBot")).verdict is Verdict.ALLOW
    assert (await shop.ask(OTHER, "NameBot")).hits == ()
    await verifier.settle()
    assert (await shop.ask(OTHER, "NameBot")).reason == "bot.spoofed"


async def test_a_bot_under_observation_changes_nothing(tmp_path: Path) -> None:
    bots = BOTS.replace("user_agents: [RangeBot]", "mode: observe, user_agents: [RangeBot]")
    shop = Shop(tmp_path, bots=bots, addresses=RANGES, ranges_txt=f"{GOOD}\n")
    assert (await shop.ask(GOOD, "RangeBot")).rule_id == "bad"
    spoofing = await shop.ask(OTHER, "RangeBot")
    assert spoofing.verdict is Verdict.ALLOW
    assert told(spoofing.hits) == [("rangebot", "bot.spoofed", True)]


async def test_an_allowlist_wins_over_spoofing_and_bans(tmp_path: Path) -> None:
    addresses = RANGES + f"allowlists:\n  - {{id: ok, description: x, networks: [{OTHER}]}}\n"
    shop = Shop(tmp_path, bots=BOTS, addresses=addresses, ranges_txt=f"{GOOD}\n")
    decision = await shop.ask(OTHER, "RangeBot")
    assert (decision.verdict, decision.rule_id) == (Verdict.ALLOW, "ok")


LOGIN = """limits:
  - id: login
    description: x
    match: {paths: [/login]}
    key: [ip]
    limit: 1
    window: 1m
    ban_for: 10m
"""


async def test_whom_a_rule_stops_is_banned_on_that_host_until_the_ban_ends(tmp_path: Path) -> None:
    shop = Shop(tmp_path, limits=LOGIN)
    words = {"path": "/login", "host": "Shop.example:443"}
    assert (await shop.ask(OTHER, **words)).verdict is Verdict.ALLOW
    assert (await shop.ask(OTHER, **words)).reason == "rate_limit.exceeded"
    shop.clock.advance(0.001)
    banned = await shop.ask(OTHER, host="shop.example")
    assert (banned.verdict, banned.rule_id, banned.reason) == (
        Verdict.DENY, "login", "address.banned",
    )  # fmt: skip
    [hit] = banned.hits
    assert hit.detail == (
        "198.51.100.10/32 on shop.example until 2023-11-14T22:23:20+00:00: "
        "rate_limit.exceeded (by rule:login)"
    )
    assert (await shop.ask(OTHER, host="api.example")).verdict is Verdict.ALLOW
    assert (await shop.ask("198.51.100.11", host="shop.example")).verdict is Verdict.ALLOW
    shop.clock.set(NOW + 600)
    assert (await shop.ask(OTHER, host="shop.example")).verdict is Verdict.ALLOW


async def test_a_ban_may_hold_on_all_hosts_and_for_a_whole_64(tmp_path: Path) -> None:
    shop = Shop(tmp_path, limits=LOGIN + "    ban_scope: all\n")
    for _ in range(2):
        await shop.ask("2001:db8::1", path="/login", host="a.example")
    shop.clock.advance(1)
    assert (await shop.ask("2001:db8::2", host="b.example")).reason == "address.banned"
    assert (await shop.ask("2001:db8:0:1::2", host="a.example")).verdict is Verdict.ALLOW


async def test_a_rule_under_observation_bans_nobody(tmp_path: Path) -> None:
    shop = Shop(tmp_path, limits=LOGIN + "    mode: observe\n")
    for _ in range(3):
        await shop.ask(OTHER, path="/login")
        shop.clock.advance(1)
    assert (await shop.ask(OTHER)).hits == ()


async def test_an_entry_counts_until_it_expires(tmp_path: Path) -> None:
    shop = Shop(
        tmp_path,
        addresses="blocklists:\n  - {id: bad, description: x, files: [bad.txt]}\n",
        bad_txt="198.51.100.10 # scraped us expires=2023-11-14T22:13:30Z\n",
    )
    decision = await shop.ask(OTHER)
    assert decision.hits[0].detail == "198.51.100.10/32 (scraped us)"
    shop.clock.advance(10)
    assert (await shop.ask(OTHER)).verdict is Verdict.ALLOW


MATCHES = [
    ("{tags: [vpn]}", {OTHER}),
    ("{unless: {tags: [vpn]}}", {GOOD, "127.0.0.1"}),
    ("{bot: [verified]}", set()),
]


@pytest.mark.parametrize(("match", "stopped"), MATCHES)
async def test_every_kind_of_rule_may_ask_for_the_origin(
    tmp_path: Path, match: str, stopped: set[str]
) -> None:
    lists = "lists:\n  - {id: vpns, file: vpns.txt, tags: [vpn]}\n"
    kinds = {
        "addresses": lists + f"blocklists:\n  - {{id: r, description: x, match: {match}}}\n",
        "limits": "limits:\n  - {id: r, description: x, key: [namespace], limit: 1, window: 1h, "
        f"cost: 1, match: {match}}}\n",
        "parameters": "checks:\n  - {id: r, description: x, check: allowed_methods, "
        f"methods: [POST], match: {match}}}\n",
    }
    for kind, text in kinds.items():
        directory = tmp_path / kind
        directory.mkdir()
        files = {"addresses": lists, "vpns_txt": f"{OTHER}\n"} | {kind: text}
        for client in (OTHER, GOOD, "127.0.0.1"):
            shop = Shop(directory, None, bots=BOTS_WITHOUT_LISTS, **files)
            await shop.ask(client)
            decision = await shop.ask(client)
            assert (decision.rule_id == "r") is (client in stopped), (kind, client)


BOTS_WITHOUT_LISTS = "bots:\n  - {id: shybot, description: x, user_agents: [ShyBot]}\n"


async def test_a_verified_bot_has_limits_of_its_own(tmp_path: Path) -> None:
    limits = """limits:
  - {id: everybody, description: x, key: [namespace], limit: 1, window: 1h}
  - {id: bots, description: x, match: {bot: [rangebot]}, key: [bot], limit: 2, window: 1h}
"""
    shop = Shop(tmp_path, bots=BOTS, addresses=RANGES, ranges_txt=f"{GOOD}\n", limits=limits)
    await shop.ask(OTHER)
    decisions = [await shop.ask(GOOD, "RangeBot") for _ in range(3)]
    assert [d.rule_id for d in decisions] == ["", "", "bots"]
    assert {state.rule_id for d in decisions for state in d.limits} == {"bots"}


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not here")
async def test_rules_ask_for_country_and_network_of_a_database(tmp_path: Path) -> None:
    addresses = f"""databases:
  - id: country
    file: {SHARED}/test-data/GeoLite2-Country-Test.mmdb
    country: [country.iso_code]
  - {{id: asn, file: {SHARED}/test-data/GeoLite2-ASN-Test.mmdb, asn: [autonomous_system_number]}}
blocklists:
  - {{id: britain, description: x, match: {{country: [GB, JP], unless: {{asn: [1221]}}}}}}
  - {{id: network, description: x, match: {{asn: [1221]}}}}
"""
    shop = Shop(tmp_path, addresses=addresses)
    assert (await shop.ask("81.2.69.160")).hits[0].detail == "country GB"
    assert (await shop.ask("1.128.0.0")).hits[0].detail == "AS1221"
    assert (await shop.ask("127.0.0.1")).hits == ()


async def test_what_a_user_agent_says_is_a_tag_or_a_family(tmp_path: Path) -> None:
    addresses = """blocklists:
  - {id: ai, description: x, match: {tags: [ai-crawler]}}
  - {id: tools, description: x, match: {agent: [curl]}, verdict: throttle}
"""
    shop = Shop(tmp_path, addresses=addresses)
    assert (await shop.ask(OTHER, "Mozilla/5.0 (compatible; GPTBot/1.0)")).rule_id == "ai"
    assert (await shop.ask(OTHER, "curl/8.5.0")).rule_id == "tools"
    assert (await shop.ask(OTHER, "Mozilla/5.0 (X11; rv:140.0) Firefox/140.0")).hits == ()


def test_words_that_lead_nowhere_are_mistakes(tmp_path: Path) -> None:
    (tmp_path / "addresses.yaml").write_text(
        "blocklists:\n  - id: a\n    description: x\n    lists: [gone]\n"
        "    match:\n      tags: [vpm, seo]\n      country: [DE]\n      bot: [googelbot]\n"
        "      unless: {asn: [1]}\n"
    )
    (tmp_path / "bots.yaml").write_text(
        "bots:\n  - {id: googlebot, description: x, user_agents: [Googlebot]}\n"
    )
    with pytest.raises(RulesetError) as caught:
        load_ruleset(tmp_path)
    assert [m.removeprefix(f"{tmp_path}/addresses.yaml:") for m in caught.value.mistakes] == [
        '4: no list of addresses.yaml has the id "gone"',
        f'6: nothing gives the tag "vpm"; known are {", ".join(KNOWN_TAGS)}',
        "7: no database of addresses.yaml gives country",
        '8: no bot of bots.yaml has the id "googelbot"; did you mean "googlebot"?',
        "9: no database of addresses.yaml gives asn",
    ]


KNOWN_TAGS = [
    "academic", "advertising", "ai-crawler", "archiver", "browser-automation", "crawler",
    "feed-reader", "http-library", "monitoring", "scanner", "search-engine", "seo",
    "social-preview",
]  # fmt: skip
