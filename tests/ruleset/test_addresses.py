"""Networks are read strictly, in one way only."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.decision import Verdict
from riskengine.ruleset.addresses import AddressesFile
from riskengine.ruleset.list_formats import read_list
from riskengine.ruleset.networks import read_network

READ = {
    "192.0.2.0/24": "192.0.2.0/24",
    "192.0.2.7": "192.0.2.7/32",
    "0.0.0.0/0": "0.0.0.0/0",
    "::/0": "::/0",
    "2001:DB8::/32": "2001:db8::/32",
    "2001:db8::1": "2001:db8::1/128",
    "::ffff:192.0.2.0/120": "192.0.2.0/24",
    "::ffff:192.0.2.7": "192.0.2.7/32",
    "::ffff:0:0/96": "0.0.0.0/0",
}
REFUSED: list[object] = [
    "", " 192.0.2.1", "192.0.2.1 ", "192.0.2.1\n", "192.0.2", "192.0.2.256", "010.0.0.1", "10.1",
    "167772161", "0x7f.0.0.1", "192.0.2.0/", "192.0.2.0/024", "192.0.2.0/33", "192.0.2.0/-1",
    "192.0.2.0/+24", "192.0.2.0/255.255.255.0", "192.0.2.0/2٤", "fe80::1%eth0", "[::1]", "::1/129",
    "192.0.2.1:80", "localhost", "1.2.3.4/8/8", "\x00", "192.0.2.1\x00", None, 7, 10.1, True, [],
]  # fmt: skip


@pytest.mark.parametrize(("written", "network"), READ.items())
def test_network_is_read(written: str, network: str) -> None:
    assert str(read_network(written)) == network


@pytest.mark.parametrize("written", REFUSED)
def test_what_is_no_plain_network_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="must "):
        read_network(written)


def test_bits_behind_the_prefix_are_refused_with_both_right_ways_to_write_it() -> None:
    with pytest.raises(ValueError, match=r"write 10\.0\.0\.0/8, or 10\.1\.2\.3/32 for"):
        read_network("10.1.2.3/8")


@given(st.one_of(st.ip_addresses(), st.text(), st.from_regex(r"[0-9a-f:./]{1,20}")))
def test_everything_that_is_read_means_the_same_to_the_standard_library(written: object) -> None:
    try:
        network = read_network(str(written))
    except ValueError:
        return
    reference = ipaddress.ip_network(str(written))
    mapped = getattr(reference.network_address, "ipv4_mapped", None)
    if mapped and reference.prefixlen >= 96:
        reference = ipaddress.ip_network((mapped, reference.prefixlen - 96))
    assert str(network) == str(reference)
    assert network.last == reference.broadcast_address.packed


def test_lists_take_one_network_a_line_and_two_kinds_of_comment() -> None:
    text = "# all\n192.0.2.1 # one\n\n  198.51.100.0/24 ; two\r\n;\n2001:db8::/32\n"
    content = read_list(text.encode(), "plain")
    assert [(str(network), note.reason) for network, note in content.networks] == [
        ("192.0.2.1/32", "one"),
        ("198.51.100.0/24", "two"),
        ("2001:db8::/32", ""),
    ]


def test_an_unreadable_list_line_is_told_and_the_others_are_read() -> None:
    content = read_list(b"192.0.2.1\n192.0.2.1 192.0.2.2\n", "plain")
    assert [str(network) for network, _ in content.networks] == ["192.0.2.1/32"]
    assert [line for line, _ in content.mistakes] == [2]


def test_blocklists_deny_unless_they_say_throttle() -> None:
    entry = {"id": "a", "description": "x", "networks": ["192.0.2.1"]}
    rules = AddressesFile.model_validate(
        {"blocklists": [entry, entry | {"id": "b", "verdict": "throttle"}]}
    )
    assert [rule.verdict for rule in rules.blocklists] == [Verdict.DENY, Verdict.THROTTLE]
