"""Counters in a Redis or Valkey Cluster: one call per slot, one round trip per node."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, RedisError, TryAgainError

from riskengine.errors import StoreError
from riskengine.store.counters import Hit, Tally
from riskengine.store.links import Links, Reply
from riskengine.store.redis import CONNECTIONS_MAX, within
from riskengine.store.redis_urls import Address, node_connector, read_many
from riskengine.store.script import Call, read_answer, write_call

_SLOTS = 16_384
_REDIRECTIONS_MAX = 4


class _Portion(NamedTuple):
    """What one call counts: hits of one slot, of some requests, in their order."""

    slot: int
    places: list[tuple[int, list[int]]]
    """Number of the request, and numbers of its hits."""
    requests: list[list[Hit]]
    at_us: list[int] | None

    def call(self) -> Call:
        return write_call(self.requests, self.at_us)


class ClusterCounters:
    """Asks the masters of a cluster. Keys of one subject share a slot, and are counted as one.

    Across slots nothing is atomic: a request that one subject's limits refuse may have been counted
    in another's. A slot that moves is followed (MOVED, ASK); while its keys are in two places, they
    are counted one by one.
    """

    def __init__(self, url: str, *, timeout_s: float, connections: int = CONNECTIONS_MAX) -> None:
        """`url` is redis+cluster://HOST:PORT,HOST:PORT or rediss+cluster://...; a few nodes do."""
        self._servers = read_many(url)
        self._timeout_s = timeout_s
        self._connections = connections
        self._nodes: dict[Address, Links] = {}
        self._owners: list[Address | None] = []
        self._stale = True

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """Count in one round trip to each node; see `Counters.hit`."""
        found: list[list[Tally]] = [[_UNKNOWN] * len(hits) for hits in requests]
        portions = _portions(requests, at_us)
        await within(budget_s, self._timeout_s, lambda: self._count(portions, found))
        return found

    async def close(self) -> None:
        """Close the idle connections to all nodes."""
        for links in self._nodes.values():
            await links.close()

    async def _count(self, portions: list[_Portion], found: list[list[Tally]]) -> None:
        try:
            if self._stale:
                await self._learn_owners()
            if not portions:
                await self._greet_masters()
            for _ in range(_REDIRECTIONS_MAX):
                if not portions:
                    return
                portions = await self._round(portions, found)
        except BaseException:
            self._stale = True
            raise
        if portions:
            raise StoreError(f"slot {portions[0].slot} of the cluster moves without end")

    async def _round(self, portions: list[_Portion], found: list[list[Tally]]) -> list[_Portion]:
        """Ask each owner for its portions; what is to be asked again, elsewhere or in parts."""
        by_owner: dict[Address, list[_Portion]] = {}
        for portion in portions:
            by_owner.setdefault(self._owner(portion.slot), []).append(portion)
        rounds = await asyncio.gather(
            *[self._ask(owner, own, found) for owner, own in by_owner.items()]
        )
        return [portion for left in rounds for portion in left]

    async def _ask(
        self, owner: Address, portions: list[_Portion], found: list[list[Tally]]
    ) -> list[_Portion]:
        replies = await self._links(owner).run([portion.call() for portion in portions])
        left: list[_Portion] = []
        for portion, reply in zip(portions, replies, strict=True):
            left += await self._take(portion, reply, owner, found)
        return left

    async def _take(
        self, portion: _Portion, reply: Reply, owner: Address, found: list[list[Tally]]
    ) -> list[_Portion]:
        """Put an answer where it belongs, or do as the node says."""
        if isinstance(reply, AskError) and not isinstance(reply, MovedError):
            links = self._links(_meant(reply, owner))  # this once
            [reply] = await links.run([portion.call()], asking=True)
        if isinstance(reply, MovedError):
            self._owners[portion.slot] = _meant(reply, owner)
            self._stale = True  # where one slot went, others may follow
            return [portion]
        if isinstance(reply, TryAgainError):
            return _by_key(portion)
        if not isinstance(reply, bytes):
            raise reply
        for (request, hits), tallies in zip(
            portion.places, read_answer(reply, portion.requests), strict=True
        ):
            for hit, tally in zip(hits, tallies, strict=True):
                found[request][hit] = tally
        return []

    async def _greet_masters(self) -> None:
        """An empty call to each: whether all of them would count."""
        masters = {owner for owner in self._owners if owner is not None}
        await asyncio.gather(*[self._links(owner).run([write_call([], None)]) for owner in masters])

    def _owner(self, slot: int) -> Address:
        owner = self._owners[slot]
        if owner is None:
            self._stale = True
            raise StoreError(f"no node of the cluster has slot {slot}")
        return owner

    def _links(self, address: Address) -> Links:
        links = self._nodes.get(address)
        if links is None:
            links = Links(node_connector(self._servers, address), most=self._connections)
            self._nodes[address] = links
        return links

    async def _learn_owners(self) -> None:
        """Ask whoever answers first, known nodes and those of the URL, who has which slots."""
        problem: Exception = StoreError("the URL names no node of the cluster")
        for address in dict.fromkeys([*self._nodes, *self._servers.addresses]):
            try:
                answer = await self._links(address).command("CLUSTER", "SLOTS")
                self._owners = _owners_of(answer, address)
            except (RedisError, OSError) as error:
                problem = error
            else:
                self._stale = False
                return
        raise problem


_UNKNOWN = Tally(True, 0, 0.0)


def _portions(requests: Sequence[Sequence[Hit]], at_us: Sequence[int] | None) -> list[_Portion]:
    portions: dict[int, _Portion] = {}
    for number, hits in enumerate(requests):
        slots: dict[int, list[int]] = {}
        for place, hit in enumerate(hits):
            slots.setdefault(key_slot(hit.key.encode()), []).append(place)
        for slot, places in slots.items():
            portion = portions.setdefault(
                slot, _Portion(slot, [], [], None if at_us is None else [])
            )
            portion.places.append((number, places))
            portion.requests.append([hits[place] for place in places])
            if at_us is not None and portion.at_us is not None:
                portion.at_us.append(at_us[number])
    return list(portions.values())


def _by_key(portion: _Portion) -> list[_Portion]:
    """A portion for each key: nodes refuse several keys while a slot moves."""
    parts: dict[str, _Portion] = {}
    for number, (request, places) in enumerate(portion.places):
        for place, hit in zip(places, portion.requests[number], strict=True):
            part = parts.setdefault(
                hit.key,
                _Portion(portion.slot, [], [], None if portion.at_us is None else []),
            )
            part.places.append((request, [place]))
            part.requests.append([hit])
            if portion.at_us is not None and part.at_us is not None:
                part.at_us.append(portion.at_us[number])
    return list(parts.values())


def _meant(reply: MovedError | AskError, asked: Address) -> Address:
    """Where a node sends us; without a host it is the one that was asked."""
    host, port = reply.node_addr
    return host or asked[0], int(port)


def _owners_of(answer: object, asked: Address) -> list[Address | None]:
    owners: list[Address | None] = [None] * _SLOTS
    if not isinstance(answer, list):
        raise StoreError("the store is no cluster")
    for first, last, master, *_ in answer:
        host = master[0].decode() if master[0] else asked[0]
        owners[first : last + 1] = [(host, int(master[1]))] * (last + 1 - first)
    return owners
