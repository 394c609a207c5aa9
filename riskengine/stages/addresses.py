"""The stage that knows clients by their address: lists, bans, and whether a bot is one."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from riskengine.decision import RuleHit, Verdict
from riskengine.inspection import Batch, Inspection, only_recorded
from riskengine.origin.matching import origin_test
from riskengine.origin.origin import BotState, Origin
from riskengine.origin.reader import OriginReader
from riskengine.ruleset.addresses import AddressesFile, AddressList, BlockList
from riskengine.ruleset.bots import BotRule, BotsFile
from riskengine.ruleset.list_files import LoadedList
from riskengine.ruleset.network_set import NetworkSet
from riskengine.ruleset.network_table import Listed
from riskengine.ruleset.origin_match import OriginMatch
from riskengine.stages.listed_networks import NOTHING, Holding, ListedNetworks
from riskengine.store.ban_book import BanBook
from riskengine.store.bans import Ban, host_scope

ALLOWLISTED = "address.allowlisted"
BLOCKLISTED = "address.blocklisted"
BANNED = "address.banned"
VERIFIED = "bot.verified"
SPOOFED = "bot.spoofed"

_SHOWN_MAX = 80

BY_HAND = "ban"
"""What stands for the rule where a person set a ban."""


class AddressesStage:
    """Allows and stops clients by address. No I/O; under a microsecond for a stranger."""

    name = "addresses"
    dispensable = False

    def __init__(
        self,
        rules: AddressesFile,
        *,
        bots: BotsFile | None = None,
        list_files: Mapping[str, NetworkSet] | None = None,
        lists: Mapping[str, LoadedList] | None = None,
        bans: BanBook | None = None,
        origins: OriginReader | None = None,
    ) -> None:
        """`bans` outlives the stage: a reload makes a new stage over the same book."""
        every_bot = () if bots is None else bots.bots
        self._listed = ListedNetworks(rules, bots=every_bot, list_files=list_files, lists=lists)
        self._bans = bans if bans is not None else BanBook()
        self._origins = origins or OriginReader(bots=every_bot, lists=lists)
        enabled = [
            rule for rule in (*rules.allowlists, *rules.blocklists) if rule.mode != "disabled"
        ]
        tests = {rule.id: origin_test(rule.match) for rule in enabled}
        self._tests = {name: test for name, test in tests.items() if test is not None}
        self._by_origin = [
            (rule, self._tests[rule.id]) for rule in enabled if not rule.has_networks
        ]
        self._quiet = self._origins.idle_but_for_bots and not self._by_origin
        """Whether nothing but lists, bans and bots is to be looked at."""

    async def inspect(self, batch: Batch) -> None:
        """Tell the origin of each request, and leave a hit for all that its address is under."""
        find, claimed, banned = self._listed.find, self._origins.claimed, self._bans.holds
        for inspection in batch.open:
            packed = inspection.request.address.packed
            found = find(packed)
            if (
                found >= 0
                or not self._quiet
                or banned(packed)
                or claimed(inspection.headers.get("user-agent") or "")
            ):
                self._inspect(inspection, packed, found)

    def _inspect(self, inspection: Inspection, packed: bytes, found: int) -> None:
        held = NOTHING if found < 0 else self._listed.holding(packed, found, inspection.at)
        claim = self._tell_origin(inspection, held)
        hits = list(self._list_hits(held, inspection.origin))
        if ban := self._ban(inspection, packed):
            hits.append(_ban_hit(ban))
        if claim is not None and (hit := _bot_hit(*claim)):
            hits.append(hit)
        if inspection.origin.verified:
            hits = [only_recorded(hit) for hit in hits]
        _note(inspection, hits)

    def _tell_origin(
        self, inspection: Inspection, held: Holding
    ) -> tuple[BotRule, BotState] | None:
        """Set the origin; the bot that the client claims to be, and what came of that.

        A bot under observation is nobody's business but the record's.
        """
        origin, bot, damaged = self._origins.read(
            inspection.request.address,
            inspection.headers.get("user-agent") or "",
            tags=held.tags,
            own=held.bots,
            at=inspection.at,
        )
        if damaged:
            inspection.degrade("database")
        inspection.origin = origin
        if bot is None:
            return None
        if bot.observed:
            inspection.origin = origin._replace(bot="", state="")
        return bot, origin.state

    def _list_hits(self, held: Holding, origin: Origin) -> Iterator[RuleHit]:
        for rule, listed in held.rules:
            test = self._tests.get(rule.id)
            if test is None or test(origin):
                yield _list_hit(rule, _detail(listed))
        for rule, test in self._by_origin:
            if test(origin):
                yield _list_hit(rule, _origin_detail(rule.match, origin))

    def _ban(self, inspection: Inspection, packed: bytes) -> Ban | None:
        request = inspection.request
        return self._bans.find(
            packed,
            namespace=request.namespace,
            host=lambda: host_scope(request.host),
            at=inspection.at,
        )


def _note(inspection: Inspection, hits: list[RuleHit]) -> None:
    hits.sort(key=lambda hit: hit.verdict)
    inspection.hits.extend(hits)
    for hit in hits:
        if hit.reason == ALLOWLISTED and not hit.observed:
            inspection.allowlisted_by = hit
            return


def _list_hit(rule: AddressList, detail: str) -> RuleHit:
    blocks = isinstance(rule, BlockList)
    return RuleHit(
        stage=AddressesStage.name,
        rule_id=rule.id,
        verdict=rule.verdict if isinstance(rule, BlockList) else Verdict.ALLOW,
        reason=BLOCKLISTED if blocks else ALLOWLISTED,
        detail=detail,
        observed=rule.observed,
    )


def _ban_hit(ban: Ban) -> RuleHit:
    until = datetime.fromtimestamp(ban.expires_at, UTC).isoformat(timespec="seconds")
    where = f" on {ban.host}" if ban.host else ""
    why = f": {ban.reason}" if ban.reason else ""
    by = f" (by {ban.author})" if ban.author else ""
    return RuleHit(
        stage=AddressesStage.name,
        rule_id=ban.rule_id or BY_HAND,
        verdict=Verdict.DENY,
        reason=BANNED,
        detail=f"{ban.network}{where} until {until}{why}{by}",
    )


def _bot_hit(bot: BotRule, state: BotState) -> RuleHit | None:
    """Spoofing may stop; being verified is only recorded, and not to be verifiable is nothing."""
    if state == "unverifiable":
        return None
    verified = state == "verified"
    return RuleHit(
        stage=AddressesStage.name,
        rule_id=bot.id,
        verdict=Verdict.ALLOW if verified else bot.verdict,
        reason=VERIFIED if verified else SPOOFED,
        detail="" if verified else f"calls itself {bot.id} and is not",
        observed=verified or bot.observed,
    )


def _detail(listed: Listed) -> str:
    reason = listed.note.reason
    return f"{listed.network} ({_printable(reason)})" if reason else str(listed.network)


def _origin_detail(match: OriginMatch, origin: Origin) -> str:
    """The facts that the rule asked for."""
    told = []
    if match.country:
        told.append(f"country {origin.country or 'unknown'}")
    if match.asn:
        told.append(f"AS{origin.asn}")
    if match.tags:
        told.append(f"tags {', '.join(sorted(origin.tags.intersection(match.tags)))}")
    if match.bot:
        told.append(f"{origin.state} {origin.bot}")
    if match.agent:
        told.append(f"agent {_printable(origin.agent)}")
    return ", ".join(told) or f"country {origin.country or 'unknown'}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_SHOWN_MAX])
