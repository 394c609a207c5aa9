"""The table of networks answers as the standard library does."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.ruleset.network_set import NetworkSet, NetworkSetBuilder, Note
from riskengine.ruleset.network_table import NetworkTable
from riskengine.ruleset.networks import read_network

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Few distinct bits, so that networks nest, touch and repeat often; both ends of each half of IPv6.
few_v4 = st.builds(lambda high, low: high << 28 | low, st.integers(0, 15), st.integers(0, 7))
few_v6 = st.builds(
    lambda high, middle, low: high << 124 | middle << 62 | low,
    st.integers(0, 15),
    st.integers(0, 15),
    st.integers(0, 7),
)


def cut(address: int, length: int, bits: int) -> int:
    return address >> bits - length << bits - length


networks_v4 = st.builds(
    lambda address, length: ipaddress.IPv4Network((cut(address, length, 32), length)),
    few_v4,
    st.integers(0, 32),
)
networks_v6 = st.builds(
    lambda address, length: ipaddress.IPv6Network((cut(address, length, 128), length)),
    few_v6,
    st.one_of(st.integers(0, 128), st.integers(60, 68)),
).filter(lambda network: network.network_address.ipv4_mapped is None)


def table(*lists: list[IpNetwork]) -> NetworkTable:
    return NetworkTable([NetworkSet.of(read_network(str(n)) for n in one) for one in lists])


def narrowest(found: NetworkTable, address: IpAddress) -> str | None:
    packed = address.packed
    entry = next(found.entries(packed, found.find(packed)), None)
    return None if entry is None else str(entry.network)


def holding(listed: list[IpNetwork], address: IpAddress) -> str | None:
    held = [n for n in listed if address in n]
    return str(max(held, key=lambda n: n.prefixlen)) if held else None


def edges(listed: list[IpNetwork], bits: int) -> list[int]:
    beside = [int(n.network_address) - 1 for n in listed]
    beside += [int(n.broadcast_address) + 1 for n in listed]
    return [edge for edge in beside if 0 <= edge < 2**bits]


@given(st.lists(networks_v4, max_size=12), st.lists(few_v4, min_size=1))
def test_answers_for_ipv4_are_those_of_the_standard_library(
    listed: list[IpNetwork], asked: list[int]
) -> None:
    found = table(listed)
    for value in (*asked, *edges(listed, 32)):
        address = ipaddress.IPv4Address(value)
        assert narrowest(found, address) == holding(listed, address)


@given(st.lists(networks_v6, max_size=12), st.lists(few_v6, min_size=1))
def test_answers_for_ipv6_are_those_of_the_standard_library(
    listed: list[IpNetwork], asked: list[int]
) -> None:
    found = table(listed)
    for value in (*asked, *edges(listed, 128)):
        address = ipaddress.IPv6Address(value)
        assert narrowest(found, address) == holding(listed, address)


@given(
    st.lists(st.ip_addresses(v=4), min_size=1, max_size=50),
    st.lists(st.ip_addresses(v=4), max_size=20),
)
def test_random_addresses_are_found_and_no_others(
    listed: list[ipaddress.IPv4Address], asked: list[ipaddress.IPv4Address]
) -> None:
    found = table([ipaddress.IPv4Network(address) for address in listed])
    for address in (*listed, *asked):
        assert (found.find(address.packed) >= 0) == (address in listed)


@given(st.lists(networks_v4, min_size=1, max_size=12), st.lists(few_v4, min_size=1))
def test_merged_and_unmerged_forms_of_a_list_answer_alike(
    listed: list[ipaddress.IPv4Network], asked: list[int]
) -> None:
    unmerged = table(list(listed))
    merged = table(list(ipaddress.collapse_addresses(listed)))
    for value in (*asked, *edges(list(listed), 32)):
        packed = ipaddress.IPv4Address(value).packed
        assert (unmerged.find(packed) >= 0) == (merged.find(packed) >= 0)


@given(st.lists(st.lists(networks_v4, max_size=5), min_size=1, max_size=4), few_v4)
def test_every_list_that_holds_an_address_is_told_from_the_inside_out(
    lists: list[list[IpNetwork]], asked: int
) -> None:
    address = ipaddress.IPv4Address(asked)
    found = table(*lists)
    told = list(found.entries(address.packed, found.find(address.packed)))
    lengths = [entry.network.length for entry in told]
    assert lengths == sorted(lengths, reverse=True)
    assert sorted((entry.member, str(entry.network)) for entry in told) == sorted(
        (place, str(n)) for place, listed in enumerate(lists) for n in listed if address in n
    )


@pytest.mark.parametrize("address", ["0.0.0.1", "255.255.255.255", "::", "ffff::ffff"])
def test_an_empty_table_holds_nobody(address: str) -> None:
    packed = ipaddress.ip_address(address).packed
    assert NetworkTable([]).find(packed) == NetworkTable([NetworkSet.of([])]).find(packed) == -1


def test_families_say_nothing_about_each_other() -> None:
    found = table([ipaddress.ip_network("0.0.0.0/0")])
    assert found.find(socket.inet_pton(socket.AF_INET, "192.0.2.1")) >= 0
    assert found.find(socket.inet_pton(socket.AF_INET6, "::1")) == -1


def test_entries_carry_what_their_list_says_about_them() -> None:
    builder = NetworkSetBuilder()
    for number in range(4):
        builder.add(read_network(f"192.0.2.{number}"), Note(f"reason {number % 2}", "ada", 5.0))
    builder.add(read_network("192.0.2.0/24"))
    listed = builder.build()
    assert len(listed.notes) == 3, "each note is kept once"
    found = NetworkTable([listed])
    packed = bytes((192, 0, 2, 3))
    told = [entry.note for entry in found.entries(packed, found.find(packed))]
    assert told == [Note("reason 1", "ada", 5.0), Note()]


def test_a_set_gives_back_what_was_put_in() -> None:
    written = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32", "2001:db8::1/128"]
    listed = NetworkSet.of(map(read_network, written))
    assert len(listed) == 4
    assert sorted(str(network) for network, _ in listed) == sorted(written)
