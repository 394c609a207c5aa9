"""The stage that knows clients by their address: allowlists and blocklists."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from riskengine.decision import RuleHit, Verdict
from riskengine.inspection import Batch, Inspection
from riskengine.ruleset.addresses import AddressesFile, AddressList, BlockList
from riskengine.ruleset.networks import Network

ALLOWLISTED = "address.allowlisted"
BLOCKLISTED = "address.blocklisted"


class AddressesStage:
    """Allows and stops clients by address. No I/O; under a microsecond with ordinary lists."""

    name = "addresses"
    dispensable = False

    def __init__(self, rules: AddressesFile) -> None:
        self._ranges = {4: AddressRanges(rules, size=4), 16: AddressRanges(rules, size=16)}

    async def inspect(self, batch: Batch) -> None:
        """Leave a hit for each list that holds the client's address, allowlists first."""
        ranges = self._ranges
        for inspection in batch.open:
            packed = inspection.request.address.packed
            listed = ranges[len(packed)].find(packed)
            if listed is not None:
                _note(inspection, listed)


def _note(inspection: Inspection, innermost: "Listed") -> None:
    hits = [listed.hit() for listed in innermost.by_rule()]
    hits.sort(key=lambda hit: hit.verdict)
    inspection.hits.extend(hits)
    for hit in hits:
        if hit.verdict is Verdict.ALLOW and not hit.observed:
            inspection.allowlisted_by = hit
            return


class Listed(NamedTuple):
    """A listed network, linked to the listed network around it."""

    network: Network
    last: bytes
    """Last address of the network."""
    rule: AddressList
    around: "Listed | None"

    def by_rule(self) -> Iterator["Listed"]:
        """For each rule that holds the network, the narrowest entry, from the inside out."""
        seen = set()
        listed: Listed | None = self
        while listed is not None:
            if listed.rule.id not in seen:
                seen.add(listed.rule.id)
                yield listed
            listed = listed.around

    def hit(self) -> RuleHit:
        """What the entry says of a client in the network."""
        blocks = isinstance(self.rule, BlockList)
        return RuleHit(
            stage=AddressesStage.name,
            rule_id=self.rule.id,
            verdict=self.rule.verdict if isinstance(self.rule, BlockList) else Verdict.ALLOW,
            reason=BLOCKLISTED if blocks else ALLOWLISTED,
            detail=str(self.network),
            observed=self.rule.observed,
        )


class AddressRanges:
    """All listed networks of one address size, cut into ranges that are found by bisection.

    Networks nest or are apart, so the innermost listed network changes only where one begins or
    ends. Looking up compares a few byte strings (17 for 100 000 networks), whatever the prefix
    lengths are and whoever chose the addresses: there is no hash to collide. Against a dict per
    prefix length this is 5 to 20 times as fast on lists with all lengths from /12 to /32.
    """

    def __init__(self, rules: AddressesFile, *, size: int) -> None:
        """`size` is 4 or 16: bytes of an address."""
        self._starts: list[bytes] = [b""]
        self._listed: list[Listed | None] = [None]
        inside: Listed | None = None
        for network, rule in sorted(_entries(rules, size), key=lambda entry: entry[0]):
            while inside is not None and inside.last < network.packed:
                inside = self._leave(inside)
            inside = Listed(network, network.last, rule, inside)
            self._begin(network.packed, inside)
        while inside is not None:
            inside = self._leave(inside)

    def find(self, packed: bytes) -> Listed | None:
        """The innermost listed network that holds the address; None when no list does."""
        return self._listed[bisect_right(self._starts, packed) - 1]

    def _leave(self, listed: Listed) -> Listed | None:
        size = len(listed.last)
        after = int.from_bytes(listed.last) + 1
        if after < 1 << 8 * size:
            self._begin(after.to_bytes(size), listed.around)
        return listed.around

    def _begin(self, start: bytes, listed: Listed | None) -> None:
        if self._starts[-1] == start:
            self._listed[-1] = listed
            return
        self._starts.append(start)
        self._listed.append(listed)


def _entries(rules: AddressesFile, size: int) -> Iterator[tuple[Network, AddressList]]:
    for rule in (*rules.allowlists, *rules.blocklists):
        if rule.mode != "disabled":
            yield from ((network, rule) for network in rule.networks if len(network.packed) == size)
