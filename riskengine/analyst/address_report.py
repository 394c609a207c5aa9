"""Which lists, tags and bans an address is under, and why."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from riskengine.address import Address
from riskengine.origin.reader import OriginReader
from riskengine.ruleset.addresses import AddressList, BlockList
from riskengine.ruleset.list_files import LoadedList
from riskengine.ruleset.network_table import Listed
from riskengine.ruleset.networks import read_network
from riskengine.ruleset.origin_match import OriginMatch
from riskengine.ruleset.ruleset import Ruleset
from riskengine.stages.listed_networks import ListedNetworks, Member
from riskengine.store.bans import Ban

Standing = Literal["allowed", "denied", "throttled", "banned", "nothing"]


class RuleOnList(msgspec.Struct, frozen=True):
    """A rule that names a list."""

    rule_id: str
    kind: Literal["allowlist", "blocklist"]
    verdict: str
    mode: str
    conditional: bool
    """Whether it asks for more than the network: its `match` decides for each request."""


class ListedEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of a list that holds the address."""

    name: str
    network: str
    reason: str = ""
    owner: str = ""
    expires_at: float | None = None
    expired: bool = False
    rules: list[RuleOnList] = []
    tags: list[str] = []
    bots: list[str] = []
    fetched_at: float | None = None
    source: str = ""
    stale: bool = False


class AddressReport(msgspec.Struct, frozen=True):
    """Everything that is known of an address."""

    address: str
    standing: Standing
    """What the first stage makes of it, rules that ask for more than networks left aside."""
    why: str
    country: str
    asn: int | None
    tags: list[str]
    lists: list[ListedEntry]
    bans: list[Ban]
    """Bans in force; what `bans_known` says when there are none to be seen."""
    bans_known: bool
    """Whether a store was asked."""

    def to_json(self) -> bytes:
        """Indented JSON with a newline at its end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def report_address(
    address: Address, rules: Ruleset, bans: Sequence[Ban] | None, now: float
) -> AddressReport:
    """What rules and bans say of an address at `now`; `bans` None where no store was asked."""
    listed = ListedNetworks(
        rules.addresses,
        bots=rules.bots.bots,
        list_files=rules.list_files,
        lists=rules.lists,
    )
    held = listed.holding(address.packed, listed.find(address.packed), now)
    told = OriginReader(databases=rules.databases).read(
        address, "", tags=held.tags, own=held.bots, at=now
    )
    entries = [
        _entry(member, entry, rules.lists.get(member.name), now)
        for member, entry in listed.entries(address.packed)
    ]
    own_bans = [ban for ban in bans or () if _is_under(address, ban, now)]
    standing, why = _standing(entries, own_bans)
    origin = told.origin
    return AddressReport(
        address=address.text,
        standing=standing,
        why=why,
        country=origin.country,
        asn=origin.asn,
        tags=sorted(origin.tags),
        lists=entries,
        bans=own_bans,
        bans_known=bans is not None,
    )


def _entry(member: Member, listed: Listed, loaded: LoadedList | None, now: float) -> ListedEntry:
    note = listed.note
    return ListedEntry(
        name=member.name,
        network=str(listed.network),
        reason=note.reason,
        owner=note.owner,
        expires_at=note.expires_at,
        expired=note.expires_at is not None and note.expires_at <= now,
        rules=[_rule(rule) for rule in member.rules],
        tags=sorted(member.tags),
        bots=list(member.bots),
        fetched_at=None if loaded is None else loaded.fetched_at,
        source="" if loaded is None else loaded.source.source or "",
        stale=loaded is not None and loaded.is_stale(now),
    )


def _rule(rule: AddressList) -> RuleOnList:
    blocks = isinstance(rule, BlockList)
    return RuleOnList(
        rule.id,
        "blocklist" if blocks else "allowlist",
        rule.verdict.word if isinstance(rule, BlockList) else "allow",
        rule.mode,
        rule.match != OriginMatch(),
    )


def _is_under(address: Address, ban: Ban, now: float) -> bool:
    network = read_network(ban.network)
    held = len(network.packed) == len(address.packed)
    return held and network.packed <= address.packed <= network.last and now < ban.expires_at


def _standing(entries: Sequence[ListedEntry], bans: Sequence[Ban]) -> tuple[Standing, str]:
    """Who wins: allowlists, then the strictest of blocklists and bans."""
    rules = [
        (rule, entry)
        for entry in entries
        if not entry.expired
        for rule in entry.rules
        if rule.mode == "enforce" and not rule.conditional
    ]
    for rule, entry in rules:
        if rule.kind == "allowlist":
            return "allowed", f"{entry.network} stands on {entry.name}, allowlist {rule.rule_id}"
    if bans:
        where = f" on {bans[0].host}" if all(ban.host for ban in bans) else ""
        return "banned", f"{bans[0].network}{where}, by {bans[0].author or 'hand'}"
    for verdict, standing in _STANDINGS.items():
        for rule, entry in rules:
            if rule.verdict == verdict:
                text = f"{entry.network} stands on {entry.name}, blocklist {rule.rule_id}"
                return standing, text
    return "nothing", "no enforced list or ban says anything about it"


_STANDINGS: dict[str, Standing] = {"deny": "denied", "throttle": "throttled"}
