"""Puts together what is known about the origin of a request."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from riskengine.address import Address
from riskengine.origin.agents import AgentFamilies, CrawlerTags
from riskengine.origin.bot_claims import BotClaims
from riskengine.origin.origin import BotState, Origin
from riskengine.origin.verification import BotVerifier
from riskengine.ruleset.bots import BotRule
from riskengine.ruleset.list_files import LoadedList
from riskengine.ruleset.open_databases import DatabaseFacts, OpenDatabase
from riskengine.ruleset.origin_checks import AGENT_TAGS
from riskengine.ruleset.origin_match import OriginMatch


class Told(NamedTuple):
    """The origin, and the bot rule that its user agent is about."""

    origin: Origin
    bot: BotRule | None
    damaged: bool
    """Whether a database could not be read; its facts are missing then."""


class OriginReader:
    """Knows only what some rule asks for: what nobody asks costs nothing."""

    def __init__(
        self,
        *,
        databases: Sequence[OpenDatabase] = (),
        bots: Sequence[BotRule] = (),
        lists: Mapping[str, LoadedList] | None = None,
        verifier: BotVerifier | None = None,
        matches: Sequence[OriginMatch] = (),
    ) -> None:
        """`matches` are those of all rules; `verifier` outlives a reload."""
        self._bots = [bot for bot in bots if bot.mode != "disabled"]
        self._claims = BotClaims(self._bots) if self._bots else None
        self._lists = lists or {}
        self._verifier = verifier
        self._databases = tuple(databases)
        self._facts = lru_cache(maxsize=65_536)(self._read_facts)
        self._tags = CrawlerTags().tags if _asks_for_crawlers(matches) else None
        self._family = AgentFamilies().family if _asks_for_families(matches) else None
        self.idle_but_for_bots = not (databases or self._tags or self._family)
        """Whether there is nothing to know about whoever claims to be no bot."""

    def claimed(self, agent: str) -> BotRule | None:
        """The bot that a user agent claims to be; about 0.2 us."""
        if self._claims is None or not agent:
            return None
        return self._claims.claimed(agent)

    def read(
        self, address: Address, agent: str, *, tags: frozenset[str], own: frozenset[str], at: float
    ) -> Told:
        """What is known of a client; `tags` and `own` are the lists' tags and bots of its address.

        No I/O beyond a look into mapped files.
        """
        country, asn, more, damaged = "", None, tags, False
        if self._databases:
            facts, damaged = self._facts(address.text)
            country, asn, more = facts.country, facts.asn, tags | facts.tags
        if self._tags is not None and agent:
            more |= self._tags(agent)
        bot = self.claimed(agent)
        origin = Origin(
            country,
            asn,
            more,
            "" if bot is None else bot.id,
            "" if bot is None else self._judge(bot, address, own, at),
            "" if self._family is None else self._family(agent),
        )
        return Told(origin, bot, damaged)

    def _judge(self, bot: BotRule, address: Address, own: frozenset[str], at: float) -> BotState:
        """By published ranges first; who is outside of them by name, or by the ranges alone.

        A list that is empty or stale says nothing against anybody.
        """
        if bot.id in own:
            return "verified"
        if bot.domains:
            if self._verifier is None:
                return "unverifiable"
            return self._verifier.state(bot.domains, address)
        lists = [self._lists[name] for name in bot.lists]
        complete = all(len(one.networks) and not one.is_stale(at) for one in lists)
        return "spoofed" if complete and (lists or bot.networks) else "unverifiable"

    def _read_facts(self, address: str) -> tuple[DatabaseFacts, bool]:
        """Facts of all databases, the first one that tells each; whether one is damaged."""
        country, asn, tags, damaged = "", None, frozenset[str](), False
        for database in self._databases:
            try:
                facts = database.facts(address)
            except ValueError:
                damaged = True
                continue
            country = country or facts.country
            asn = facts.asn if asn is None else asn
            tags |= facts.tags
        return DatabaseFacts(country, asn, tags), damaged


def _asks_for_crawlers(matches: Sequence[OriginMatch]) -> bool:
    return _any_fact(matches, lambda facts: not set(AGENT_TAGS).isdisjoint(facts.tags))


def _asks_for_families(matches: Sequence[OriginMatch]) -> bool:
    return _any_fact(matches, lambda facts: bool(facts.agent))


def _any_fact(matches: Sequence[OriginMatch], asks: Callable[..., bool]) -> bool:
    return any(
        asks(facts) for match in matches for facts in (match, match.unless) if facts is not None
    )
