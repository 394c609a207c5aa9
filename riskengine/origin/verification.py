"""Whether an address belongs to the bot it claims to be, by forward-confirmed reverse DNS.

The way that Google, Bing and others document: the address must have a name below the operator's
domain, and that name must lead back to the address. Nothing is asked on the request path.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from riskengine.address import Address
from riskengine.clock import Clock
from riskengine.origin.origin import BotState
from riskengine.origin.resolver import Resolver, ResolverError
from riskengine.tasks import spawn

_NAMES_MAX = 4  # whoever owns an address may give it any number of names
_TTL_S: dict[BotState, float] = {"verified": 86_400.0, "spoofed": 3_600.0, "unverifiable": 60.0}


class _Known(NamedTuple):
    state: BotState
    until: float
    """Monotonic seconds."""


class BotVerifier:
    """Remembers what the DNS said about addresses, and asks it in the background."""

    def __init__(
        self,
        resolver: Resolver | None,
        clock: Clock,
        *,
        known_max: int = 65_536,
        asking_max: int = 16,
    ) -> None:
        """Without a resolver nothing can be verified. `asking_max` bounds the questions in flight;

        beyond it an address stays unverifiable until it comes back.
        """
        self._resolver = resolver
        self._clock = clock
        self._known_max = known_max
        self._asking_max = asking_max
        self._known: OrderedDict[tuple[Sequence[str], bytes], _Known] = OrderedDict()
        self._asking: dict[tuple[Sequence[str], bytes], asyncio.Task[None]] = {}

    def state(self, domains: tuple[str, ...], address: Address) -> BotState:
        """What is known of an address; `unverifiable` while the DNS has not been heard. No I/O."""
        key = (domains, address.packed)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            if known.until > self._clock.monotonic():
                return known.state
        if self._resolver is not None and key not in self._asking:
            self._ask(self._resolver, domains, address)
        return "unverifiable" if known is None else known.state

    async def settle(self) -> None:
        """Wait until everything that has been asked so far is answered."""
        while self._asking:
            await asyncio.wait(list(self._asking.values()))
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Ask no more."""
        self._resolver = None
        for task in list(self._asking.values()):
            task.cancel()
        await self.settle()

    def _ask(self, resolver: Resolver, domains: tuple[str, ...], address: Address) -> None:
        if len(self._asking) >= self._asking_max:
            return
        key = (domains, address.packed)

        async def ask() -> None:
            try:
                self._remember(key, await verify(resolver, domains, address))
            except ResolverError:
                self._remember(key, "unverifiable")

        task = spawn(ask(), name="bot-verification")
        self._asking[key] = task
        task.add_done_callback(lambda _: self._asking.pop(key, None))

    def _remember(self, key: tuple[Sequence[str], bytes], state: BotState) -> None:
        """Where there are too many, forget the address that nobody has come from for longest."""
        before, until = self._known.get(key), self._clock.monotonic() + _TTL_S[state]
        if state == "unverifiable" and before is not None:
            state = before.state  # the DNS is away: what it said last still stands
        self._known[key] = _Known(state, until)
        if len(self._known) > self._known_max:
            self._known.popitem(last=False)


async def verify(resolver: Resolver, domains: Sequence[str], address: Address) -> BotState:
    """`verified` or `spoofed`; ResolverError where the DNS does not tell."""
    endings = tuple(f".{domain}" for domain in domains)
    names = [name for name in await resolver.names(address) if f".{name}".endswith(endings)]
    for name in names[:_NAMES_MAX]:
        if address.packed in await resolver.addresses(name, address.version):
            return "verified"
    return "spoofed"
