"""Bans: temporary blocklist entries that all processes share."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from riskengine.ruleset.networks import Network, read_network

ALL_HOSTS = ""
BANS_MAX = 200_000
"""Most bans a store keeps; beyond it those that end first make room."""


class Ban(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Clients of a network who are refused for a while. Made by `make_ban`."""

    network: str
    """`203.0.113.7/32`, `2001:db8::/64`: in the one form that `Network` writes."""
    namespace: str = "default"
    host: str = ALL_HOSTS
    """The host on which it holds, in lower case; empty for all."""
    reason: str = ""
    author: str = ""
    """Who set it: a person, or `rule:ID`."""
    rule_id: str = ""
    """The rule that set it; empty where a person did."""
    created_at: float = 0.0
    """Seconds since the epoch."""
    expires_at: float

    @property
    def key(self) -> str:
        """What tells it apart: a second ban of the same network and scope takes its place."""
        return f"{self.namespace} {self.network} {self.host}"


def make_ban(
    network: str | Network,
    *,
    expires_at: float,
    created_at: float,
    namespace: str = "default",
    host: str = ALL_HOSTS,
    reason: str = "",
    author: str = "",
    rule_id: str = "",
) -> Ban:
    """The ban; ValueError where `network` is none. A single IPv6 address means its /64."""
    read = read_network(network)
    if len(read.packed) == 16 and read.length == 128:
        read = Network(read.packed[:8] + bytes(8), 64)
    return Ban(
        network=str(read),
        namespace=namespace,
        host=host_scope(host),
        reason=reason[:256],
        author=author[:128],
        rule_id=rule_id,
        created_at=created_at,
        expires_at=expires_at,
    )


def host_scope(host: str) -> str:
    """A host as bans compare it: lower case, without port or final dot, of bounded length."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        host = name
    return host.lower().removesuffix(".")[:255]


class Changes(NamedTuple):
    """What a reader has not seen yet."""

    mark: str
    """What to ask with next time."""
    whole: bool
    """True when `bans` are all that there are, and whatever else is known is over."""
    bans: list[Ban]
    """New or renewed."""
    lifted: list[str]
    """Keys of bans that were lifted."""
    forgot: bool = False
    """True when the store has lost what it knew when it gave the mark: it was restarted."""


class BanStore(Protocol):
    """Where bans are shared. Memory, embedded Valkey and Redis give the same answers."""

    async def add(self, bans: Sequence[Ban]) -> None:
        """Set bans; one with the same key is replaced where it would end earlier.

        Raises StoreError where the store does not answer, as all methods do.
        """
        ...

    async def lift(self, keys: Sequence[str]) -> int:
        """End bans at once; how many of them there were."""
        ...

    async def changes(self, mark: str = "") -> Changes:
        """What changed since `mark`; everything where the mark is empty, too old or not ours."""
        ...

    async def close(self) -> None:
        """Give connections back; idempotent."""
        ...
