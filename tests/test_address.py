"""The strict address parser: one reading of every text, on every machine."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.address import parse_address
from riskengine.errors import InvalidRequestError

REFUSED = [
    "",
    " ",
    "010.0.0.1",
    "10.1",
    "167772161",
    "0x0a.0.0.1",
    "10.0.0.1\n",
    " 10.0.0.1",
    "10.0.0.1:80",
    "[2001:db8::1]",
    "2001:db8::1%eth0",
    "fe80::1%1",
    "::ffff:999.1.1.1",
    "1.2.3.4.5",
    "256.1.1.1",
    "10.0.0.1\x00",
    "\uff11\uff10.0.0.1",
    "localhost",
    "1" * 10_000,
    ":" * 10_000,
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:20]))
def test_anything_but_a_plain_address_is_refused_and_named(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_address(text)
    assert str(caught.value) == (
        f"client_ip: must be a plain IPv4 or IPv6 address, got {text[:64]!r}"
    )


@pytest.mark.parametrize(
    ("text", "canonical", "subject"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7"),
        ("::FFFF:CB00:7107", "203.0.113.7", "203.0.113.7"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1", "2001:db8::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::1", "::/64"),
    ],
)
def test_addresses_are_canonical_and_counted_by_subject(
    text: str, canonical: str, subject: str
) -> None:
    address = parse_address(text)
    assert (address.text, address.subject) == (canonical, subject)


@given(st.ip_addresses())
def test_every_address_reads_as_the_standard_library_reads_it(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    expected = address
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        expected = address.ipv4_mapped
    assert parse_address(str(address)).packed == expected.packed


@given(st.text(max_size=50))
def test_no_text_whatever_raises_anything_else(text: str) -> None:
    try:
        parsed = parse_address(text)
    except InvalidRequestError:
        return
    assert ipaddress.ip_address(parsed.text).packed == parsed.packed
