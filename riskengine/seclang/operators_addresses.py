"""Operators that look an address up in a list of networks."""

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from riskengine.address import parse_address
from riskengine.errors import InvalidRequestError, OperatorError
from riskengine.seclang.operators_contract import Match
from riskengine.seclang.operators_phrases import phrases_in_files

Find = Callable[[bytes], Match | None]


def addresses_listed(argument: bytes) -> Find:
    """Finds an address that is in one of the networks in `argument`, separated by commas."""
    return _network_finder(argument.decode("latin-1").split(","))


def addresses_from_file(argument: bytes, directory: Path) -> Find:
    """Finds an address that is in one of the networks in the files, one a line."""
    return _network_finder(line.decode("latin-1") for line in phrases_in_files(argument, directory))


def _network_finder(texts: Iterable[str]) -> Find:
    """One set of network addresses for each length of prefix: a handful of look-ups a value."""
    listed: dict[tuple[int, int], set[int]] = defaultdict(set)
    for text in texts:
        network = _network(text.strip())
        shift = network.max_prefixlen - network.prefixlen
        listed[network.version, shift].add(int(network.network_address) >> shift)

    def find(value: bytes) -> Match | None:
        try:
            address = parse_address(value.decode("latin-1"))
        except InvalidRequestError:
            return None
        number = int.from_bytes(address.packed)
        for (version, shift), networks in listed.items():
            if version == address.version and number >> shift in networks:
                return Match(value)
        return None

    return find


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise OperatorError(f"{text!r} is not an address or network") from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.ip_network((mapped, network.prefixlen - 96))
    return network
