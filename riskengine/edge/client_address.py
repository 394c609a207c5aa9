"""Who the client is, when the gateway tells only who its connection comes from."""

import ipaddress
from collections.abc import Iterable

from riskengine.address import Address, parse_address
from riskengine.errors import InvalidRequestError

HOPS_MAX = 16
"""Entries of X-Forwarded-For that are looked at, from the right."""


class ClientAddresses:
    """Finds the client's address behind the proxies that an operator has named.

    Whoever is not named is taken at his TCP address, because the rest is what he says himself.
    """

    def __init__(self, trusted_peers: Iterable[str], trusted_proxies: Iterable[str]) -> None:
        """Networks in CIDR form: whose `x-client-ip` is believed, and whose X-Forwarded-For."""
        self._peers = _Networks(trusted_peers)
        self._proxies = _Networks(trusted_proxies)

    def find(self, source: str, client_ip: str, forwarded_for: str) -> str:
        """The client's address, given the other end of the gateway's connection and two headers.

        `x-client-ip` counts when it is one plain address from a trusted peer. Nothing a client can
        write is an error here: he would be let through wherever the gateway fails open. Raises
        InvalidRequestError when `source`, which the gateway itself fills in, is no address.
        """
        peer = parse_address(source, "attributes.source.address")
        if client_ip and peer in self._peers:
            named = _plain_address(client_ip)
            if named is not None:
                return named.text
        return self._walk(peer, forwarded_for).text

    def _walk(self, address: Address, forwarded_for: str) -> Address:
        """Right to left, for as long as the proxy that wrote the entry is trusted."""
        if not forwarded_for or address not in self._proxies:
            return address
        entries = forwarded_for.rsplit(",", HOPS_MAX)
        for entry in reversed(entries[-HOPS_MAX:]):
            written = _plain_address(entry.strip(" \t"))
            if written is None:
                return address
            address = written
            if address not in self._proxies:
                return address
        return address


def _plain_address(text: str) -> Address | None:
    try:
        return parse_address(text)
    except InvalidRequestError:
        return None


class _Networks:
    """A few networks, compared as numbers."""

    def __init__(self, networks: Iterable[str]) -> None:
        parsed = [ipaddress.ip_network(network) for network in networks]
        self._masks = [
            (network.version, int(network.netmask), int(network.network_address))
            for network in parsed
        ]

    def __contains__(self, address: Address) -> bool:
        if not self._masks:
            return False
        version, number = address.version, int.from_bytes(address.packed, "big")
        return any(
            version == network_version and number & mask == network
            for network_version, mask, network in self._masks
        )
