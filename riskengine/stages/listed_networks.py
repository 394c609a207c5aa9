"""All lists of a ruleset in one table: which rules, tags and bots an address stands under."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from riskengine.ruleset.addresses import AddressesFile, AddressList
from riskengine.ruleset.bots import BotRule
from riskengine.ruleset.list_files import LoadedList
from riskengine.ruleset.network_set import NetworkSet, NetworkSetBuilder, Note
from riskengine.ruleset.network_table import Listed, NetworkTable


@dataclass(slots=True)
class Member:
    """One list of the table and what it means to stand on it."""

    name: str
    """Id of a published list, path of a list file, or id of the rule that holds networks itself."""
    networks: NetworkSet
    rules: list[AddressList] = field(default_factory=list)
    tags: frozenset[str] = frozenset()
    bots: list[str] = field(default_factory=list)


class Holding(NamedTuple):
    """What an address stands under at one moment."""

    rules: list[tuple[AddressList, Listed]]
    """Each rule once, with the narrowest of its entries, from the inside out."""
    tags: frozenset[str]
    bots: frozenset[str]
    """Ids of bots that publish the address as theirs."""


NOTHING = Holding([], frozenset(), frozenset())


class ListedNetworks:
    """Every network of every list, each list once however many rules name it."""

    def __init__(
        self,
        rules: AddressesFile,
        *,
        bots: Sequence[BotRule] = (),
        list_files: Mapping[str, NetworkSet] | None = None,
        lists: Mapping[str, LoadedList] | None = None,
    ) -> None:
        self.members = list(_members(rules, bots, list_files or {}, lists or {}))
        self._table = NetworkTable([member.networks for member in self.members])
        self.find = self._table.find
        """For `holding`: where an address stands; -1 where on no list."""

    def entries(self, packed: bytes) -> Iterator[tuple[Member, Listed]]:
        """Every entry that holds an address, ended ones too, from the inside out."""
        for listed in self._table.entries(packed, self.find(packed)):
            yield self.members[listed.member], listed

    def holding(self, packed: bytes, found: int, at: float) -> Holding:
        """What the address that `find` found stands under; entries count until they expire."""
        rules: dict[str, tuple[AddressList, Listed]] = {}
        tags: frozenset[str] = frozenset()
        bots: set[str] = set()
        for listed in self._table.entries(packed, found):
            if _is_over(listed.note, at):
                continue
            member = self.members[listed.member]
            for rule in member.rules:
                rules.setdefault(rule.id, (rule, listed))
            tags |= member.tags
            bots.update(member.bots)
        return Holding(list(rules.values()), tags, frozenset(bots))


def _is_over(note: Note, at: float) -> bool:
    return note.expires_at is not None and note.expires_at <= at


def _members(
    rules: AddressesFile,
    bots: Sequence[BotRule],
    list_files: Mapping[str, NetworkSet],
    lists: Mapping[str, LoadedList],
) -> Iterator[Member]:
    by_id = {
        name: Member(name, loaded.networks, tags=frozenset(loaded.source.tags))
        for name, loaded in lists.items()
    }
    by_path = {path: Member(path, networks) for path, networks in list_files.items()}
    for rule in (*rules.allowlists, *rules.blocklists):
        if rule.mode == "disabled":
            continue
        for name in dict.fromkeys(rule.lists):
            by_id[name].rules.append(rule)
        for path in dict.fromkeys(rule.files):
            by_path[path].rules.append(rule)
        if rule.networks or rule.entries:
            yield Member(rule.id, _written(rule), rules=[rule])
    for bot in bots:
        if bot.mode == "disabled":
            continue
        for name in dict.fromkeys(bot.lists):
            by_id[name].bots.append(bot.id)
        if bot.networks:
            yield Member(bot.id, NetworkSet.of(bot.networks), bots=[bot.id])
    yield from by_id.values()
    yield from by_path.values()


def _written(rule: AddressList) -> NetworkSet:
    """What stands in the rule itself."""
    builder = NetworkSetBuilder()
    for network in rule.networks:
        builder.add(network)
    for entry in rule.entries:
        builder.add(entry.network, Note(entry.reason, entry.owner, entry.expires_at))
    return builder.build()
