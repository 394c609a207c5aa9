"""Reverse DNS, confirmed forwards: three states, and nothing on the path of requests."""

import asyncio

import pytest

from riskengine.address import Address, parse_address
from riskengine.clock import ManualClock
from riskengine.errors import SettingsError
from riskengine.origin.resolver import DnsResolver, ResolverError, open_resolver
from riskengine.origin.verification import BotVerifier, verify
from tests.origin.dns_responder import dns_responder

DOMAINS = ("bots.example", "crawl.example")
ADDRESS = parse_address("192.0.2.10")

RECORDS = {
    ("10.2.0.192.in-addr.arpa.", "PTR"): ["crawl-10.bots.example."],
    ("crawl-10.bots.example.", "A"): ["192.0.2.9", "192.0.2.10"],
    # A name below the domain that does not lead back: whoever owns an address names it as he likes.
    ("11.2.0.192.in-addr.arpa.", "PTR"): ["crawl-10.bots.example."],
    # A name that only looks like the domain.
    ("12.2.0.192.in-addr.arpa.", "PTR"): ["x.evil-bots.example.", "bots.example.evil.test."],
    ("x.evil-bots.example.", "A"): ["192.0.2.12"],
    ("bots.example.evil.test.", "A"): ["192.0.2.12"],
    ("13.2.0.192.in-addr.arpa.", "PTR"): [],
    ("14.2.0.192.in-addr.arpa.", "PTR"): ["SERVFAIL"],
    ("15.2.0.192.in-addr.arpa.", "PTR"): ["SILENCE"],
    ("16.2.0.192.in-addr.arpa.", "PTR"): ["gone.bots.example."],
    ("17.2.0.192.in-addr.arpa.", "PTR"): ["broken.bots.example."],
    ("broken.bots.example.", "A"): ["SERVFAIL"],
    ("18.2.0.192.in-addr.arpa.", "PTR"): ["Other.Test.", "CRAWL-18.Bots.Example."],
    ("crawl-18.bots.example.", "A"): ["192.0.2.18"],
    ("19.2.0.192.in-addr.arpa.", "PTR"): ["bots.example."],
    ("bots.example.", "A"): ["192.0.2.19"],
    (
        "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "PTR",
    ): ["six.crawl.example."],
    ("six.crawl.example.", "AAAA"): ["2001:db8::7"],
}


@pytest.mark.parametrize(
    ("address", "state"),
    [
        ("192.0.2.10", "verified"), ("192.0.2.11", "spoofed"), ("192.0.2.12", "spoofed"),
        ("192.0.2.13", "spoofed"), ("192.0.2.16", "spoofed"), ("192.0.2.18", "verified"),
        ("192.0.2.19", "verified"), ("192.0.2.99", "spoofed"), ("2001:db8::7", "verified"),
        ("2001:db8::8", "spoofed"),
    ],
)  # fmt: skip
async def test_a_bot_is_who_it_is_when_its_name_leads_back_to_it(address: str, state: str) -> None:
    async with dns_responder(RECORDS) as (port, _):
        resolver = DnsResolver([("127.0.0.1", port)], timeout_s=5)
        assert await verify(resolver, DOMAINS, parse_address(address)) == state


@pytest.mark.parametrize("address", ["192.0.2.14", "192.0.2.15", "192.0.2.17"])
async def test_a_name_server_that_does_not_tell_proves_nothing(address: str) -> None:
    async with dns_responder(RECORDS) as (port, _):
        resolver = DnsResolver([("127.0.0.1", port)], timeout_s=0.3)
        with pytest.raises(ResolverError):
            await verify(resolver, DOMAINS, parse_address(address))
        verifier = BotVerifier(resolver, ManualClock())
        verifier.state(DOMAINS, parse_address(address))
        await verifier.settle()
        assert verifier.state(DOMAINS, parse_address(address)) == "unverifiable"
        await verifier.close()


async def test_the_first_request_is_answered_before_the_dns_is_asked() -> None:
    async with dns_responder(RECORDS) as (port, asked):
        verifier = BotVerifier(DnsResolver([("127.0.0.1", port)], timeout_s=5), ManualClock())
        assert verifier.state(DOMAINS, ADDRESS) == "unverifiable"
        assert verifier.state(DOMAINS, ADDRESS) == "unverifiable"
        assert asked == []
        await verifier.settle()
        assert asked == ["PTR 10.2.0.192.in-addr.arpa.", "A crawl-10.bots.example."]
        assert verifier.state(DOMAINS, ADDRESS) == "verified"
        await verifier.close()


class Steered:
    """A resolver that says what a test wants, and counts."""

    def __init__(self) -> None:
        self.known = True
        self.away = False
        self.asked = 0
        self.hold: asyncio.Event | None = None

    async def names(self, address: Address) -> list[str]:
        self.asked += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.away:
            raise ResolverError("away")
        return ["x.bots.example"] if self.known else []

    async def addresses(self, name: str, version: int) -> list[bytes]:
        return [ADDRESS.packed]


def verifier_of(resolver: Steered, clock: ManualClock, **words: int) -> BotVerifier:
    return BotVerifier(resolver, clock, **words)


async def test_what_was_found_is_remembered_and_asked_again_after_a_while() -> None:
    clock, resolver = ManualClock(), Steered()
    verifier = verifier_of(resolver, clock)
    verifier.state(DOMAINS, ADDRESS)
    await verifier.settle()
    assert [verifier.state(DOMAINS, ADDRESS) for _ in range(3)] == ["verified"] * 3
    assert resolver.asked == 1
    clock.advance(86_400)
    resolver.known = False
    assert verifier.state(DOMAINS, ADDRESS) == "verified", "until it is known better"
    await verifier.settle()
    assert (verifier.state(DOMAINS, ADDRESS), resolver.asked) == ("spoofed", 2)


async def test_while_the_dns_is_away_what_it_said_last_stands() -> None:
    clock, resolver = ManualClock(), Steered()
    verifier = verifier_of(resolver, clock)
    verifier.state(DOMAINS, ADDRESS)
    await verifier.settle()
    clock.advance(86_400)
    resolver.away = True
    verifier.state(DOMAINS, ADDRESS)
    await verifier.settle()
    assert verifier.state(DOMAINS, ADDRESS) == "verified"
    clock.advance(60)
    verifier.state(DOMAINS, ADDRESS)
    await verifier.settle()
    assert resolver.asked == 3, "it is asked again in a minute"


async def test_questions_in_flight_are_bounded_and_one_per_address() -> None:
    resolver = Steered()
    resolver.hold = asyncio.Event()
    verifier = verifier_of(resolver, ManualClock(), asking_max=4)
    for number in range(100):
        for _ in range(2):
            state = verifier.state(DOMAINS, parse_address(f"192.0.2.{number}"))
            assert state == "unverifiable"
    await asyncio.sleep(0)
    assert resolver.asked == 4
    resolver.hold.set()
    await verifier.settle()
    assert verifier.state(DOMAINS, parse_address("192.0.2.0")) == "spoofed"
    await verifier.close()


async def test_what_is_remembered_is_bounded() -> None:
    resolver = Steered()
    verifier = verifier_of(resolver, ManualClock(), known_max=2)
    for number in (1, 2, 3, 1):
        verifier.state(DOMAINS, parse_address(f"192.0.2.{number}"))
        await verifier.settle()
    assert resolver.asked == 4, "the first one was forgotten and is asked again"


async def test_without_a_resolver_nothing_can_be_verified() -> None:
    verifier = BotVerifier(None, ManualClock())
    assert verifier.state(DOMAINS, ADDRESS) == "unverifiable"
    await verifier.close()


async def test_closing_ends_what_is_being_asked() -> None:
    resolver = Steered()
    resolver.hold = asyncio.Event()
    verifier = verifier_of(resolver, ManualClock())
    verifier.state(DOMAINS, ADDRESS)
    await asyncio.sleep(0)
    await verifier.close()
    assert verifier.state(DOMAINS, ADDRESS) == "unverifiable"
    assert resolver.asked == 1


@pytest.mark.parametrize("text", ["192.0.2.53", "192.0.2.53:5353,[2001:db8::53]:53", "2001:db8::1"])
def test_servers_are_read_from_the_setting(text: str) -> None:
    assert open_resolver(text) is not None


def test_nobody_is_asked_where_the_setting_says_so() -> None:
    assert open_resolver("none") is None


def test_a_system_without_name_servers_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import dns.asyncresolver
    import dns.resolver

    def nothing(configure: bool) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.asyncresolver, "Resolver", nothing)
    with pytest.raises(SettingsError, match="--dns-servers"):
        DnsResolver()
