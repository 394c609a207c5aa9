"""Who is who stays comparable under a key, and only under that key."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.address import Address, parse_address
from riskengine.records.pseudonyms import Pseudonyms

KEY = b"0123456789abcdef"
# Few networks and hosts, so that equal ones come up.
addresses = st.builds(
    lambda network, host: parse_address(f"{network}{host}"),
    st.sampled_from(["203.0.113.", "2001:db8::", "2001:db8:0:1::", "::ffff:203.0.113."]),
    st.integers(1, 3),
)


@given(addresses, addresses)
def test_subjects_are_equal_exactly_where_the_pseudonyms_are(one: Address, two: Address) -> None:
    pseudonyms = Pseudonyms(KEY)
    hidden_one = parse_address(pseudonyms.address(one))
    hidden_two = parse_address(pseudonyms.address(two))
    assert (one.subject == two.subject) == (hidden_one.subject == hidden_two.subject)
    assert (one == two) == (hidden_one == hidden_two)


def test_addresses_of_one_64_stay_in_one_64_of_the_private_range() -> None:
    pseudonyms = Pseudonyms(KEY)
    one = parse_address(pseudonyms.address(parse_address("2001:db8::1")))
    two = parse_address(pseudonyms.address(parse_address("2001:db8::2")))
    assert one.subject == two.subject
    assert one.text != two.text
    assert ipaddress.ip_address(one.text) in ipaddress.ip_network("fd00::/8")


def test_another_key_gives_other_pseudonyms() -> None:
    address = parse_address("203.0.113.7")
    assert Pseudonyms(KEY).address(address) != Pseudonyms(KEY[::-1]).address(address)
    assert Pseudonyms(KEY).identifier("u1") != Pseudonyms(KEY[::-1]).identifier("u1")


def test_absent_id_stays_absent() -> None:
    assert Pseudonyms(KEY).identifier("") == ""


def test_short_key_is_refused_and_a_long_one_taken() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes, got 3"):
        Pseudonyms(b"abc")
    assert Pseudonyms(b"k" * 500).identifier("u1")
