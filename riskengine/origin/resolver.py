"""Asks the DNS for the names of addresses and the addresses of names."""

from collections.abc import Sequence
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename

from riskengine.address import Address, parse_address
from riskengine.errors import RiskEngineError, SettingsError

SYSTEM, NOBODY = "system", "none"


class ResolverError(RiskEngineError):
    """The DNS did not answer, which says nothing about the name."""


class Resolver(Protocol):
    """Both directions of the DNS. An empty answer is an answer; ResolverError is none."""

    async def names(self, address: Address) -> list[str]:
        """Names of an address, in lower case, without the dot at the end."""
        ...

    async def addresses(self, name: str, version: int) -> list[bytes]:
        """Addresses of a name, packed, of IP version 4 or 6."""
        ...


class DnsResolver:
    """Asks name servers over UDP, and TCP where an answer is too long for it."""

    def __init__(self, servers: Sequence[tuple[str, int]] = (), *, timeout_s: float = 2.0) -> None:
        """`servers` are addresses and ports; those of the system where there are none.

        Raises SettingsError where the system has none either.
        """
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.exception.DNSException as error:
            raise SettingsError(f"--dns-servers: this system names none: {error}") from None
        if servers:
            self._resolver.nameservers = [
                dns.nameserver.Do53Nameserver(address, port) for address, port in servers
            ]
        self._resolver.lifetime = timeout_s

    async def names(self, address: Address) -> list[str]:
        """See `Resolver.names`."""
        answer = await self._ask(dns.reversename.from_address(address.text), "PTR")
        return [text.lower().removesuffix(".") for text in answer]

    async def addresses(self, name: str, version: int) -> list[bytes]:
        """See `Resolver.addresses`."""
        try:
            asked = dns.name.from_text(name)
        except dns.exception.DNSException:
            return []
        answer = await self._ask(asked, "A" if version == 4 else "AAAA")
        return [parse_address(text).packed for text in answer]

    async def _ask(self, name: dns.name.Name, kind: str) -> list[str]:
        try:
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise ResolverError(f"no answer about {name}: {error}") from None
        return [] if answer.rrset is None else [record.to_text() for record in answer.rrset]


def open_resolver(setting: str) -> Resolver | None:
    """The resolver that `--dns-servers` asks for; None for `none`."""
    if setting == NOBODY:
        return None
    if setting == SYSTEM:
        return DnsResolver()
    return DnsResolver([_server(part) for part in setting.split(",")])


def _server(text: str) -> tuple[str, int]:
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, int(port.removeprefix(":") or 53)
    if text.count(":") > 1:
        return text, 53
    address, _, port = text.partition(":")
    return address, int(port or 53)
