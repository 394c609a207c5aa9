"""Whose address a request is judged under, whoever stands between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.address import parse_address
from riskengine.edge.client_address import HOPS_MAX, ClientAddresses
from riskengine.errors import InvalidRequestError

CLIENT, PEER, PROXY, FAR_PROXY = "203.0.113.7", "10.1.0.1", "10.2.0.1", "10.2.0.2"
ADDRESSES = ClientAddresses(["10.1.0.0/16", "2001:db8:1::/48"], ["10.2.0.0/16", "2001:db8:2::/48"])


@pytest.mark.parametrize(
    ("source", "client_ip", "forwarded_for", "expected"),
    [
        # nobody in between
        (CLIENT, "", "", CLIENT),
        # a stranger claims to be somebody else
        (CLIENT, "198.51.100.1", "", CLIENT),
        (CLIENT, "", "198.51.100.1", CLIENT),
        (CLIENT, "198.51.100.1", "198.51.100.2, 10.2.0.1", CLIENT),
        # trusted peers: x-client-ip, and nothing but one plain address
        (PEER, CLIENT, "", CLIENT),
        (PEER, "2001:db8::7", "", "2001:db8::7"),
        (PEER, "::ffff:203.0.113.7", "", CLIENT),
        ("::ffff:10.1.0.1", CLIENT, "", CLIENT),
        ("2001:db8:1::5", CLIENT, "", CLIENT),
        (PEER, "", "", PEER),
        (PEER, "203.0.113.7:4711", "", PEER),
        (PEER, "010.0.0.1", "", PEER),
        (PEER, "198.51.100.1,203.0.113.7", "", PEER),
        (PEER, "", CLIENT, PEER),
        # a proxy is trusted with X-Forwarded-For, not with x-client-ip
        (PROXY, "198.51.100.1", "", PROXY),
        (PROXY, "", CLIENT, CLIENT),
        ("2001:db8:2::5", "", CLIENT, CLIENT),
        # right to left, and what stands left of the client is his own invention
        (PROXY, "", f"198.51.100.1, {CLIENT}", CLIENT),
        (PROXY, "", f"{CLIENT}, {FAR_PROXY}", CLIENT),
        (PROXY, "", f"198.51.100.1, {CLIENT}, {FAR_PROXY}, {PROXY}", CLIENT),
        (PROXY, "", f"198.51.100.1,\t{CLIENT} ,{FAR_PROXY}", CLIENT),
        (PROXY, "", f"{FAR_PROXY}, {PROXY}", FAR_PROXY),
        # what cannot be read ends the walk at the last one who could
        (PROXY, "", "unknown", PROXY),
        (PROXY, "", f"{CLIENT}, unknown", PROXY),
        (PROXY, "", f"{CLIENT}, , {FAR_PROXY}", FAR_PROXY),
        (PROXY, "", "[2001:db8::7]", PROXY),
        (PROXY, "", "203.0.113.7:4711", PROXY),
    ],
)
def test_client_is_found_by_whom_the_operator_trusts(
    source: str, client_ip: str, forwarded_for: str, expected: str
) -> None:
    assert ADDRESSES.find(source, client_ip, forwarded_for) == expected


def test_peer_that_is_also_a_proxy_falls_back_to_the_walk() -> None:
    both = ClientAddresses(["10.0.0.0/8"], ["10.0.0.0/8"])
    assert both.find(PEER, "nonsense", CLIENT) == CLIENT


def test_walk_ends_after_the_largest_number_of_hops() -> None:
    hops = [f"10.2.1.{number}" for number in range(100)]
    assert ADDRESSES.find(PROXY, "", ", ".join(hops)) == hops[-HOPS_MAX]


@pytest.mark.parametrize("source", ["", "/run/envoy.sock", "10.1", "10.0.0.1:80"])
def test_gateway_that_names_no_source_is_told_so(source: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"^attributes\.source\.address: must be a plain"):
        ADDRESSES.find(source, CLIENT, "")


@given(st.text(max_size=60), st.text(max_size=200))
def test_strangers_are_known_by_their_connection_whatever_they_say(
    client_ip: str, forwarded_for: str
) -> None:
    assert ADDRESSES.find(CLIENT, client_ip, forwarded_for) == CLIENT


@given(st.text(max_size=60), st.text(max_size=200))
def test_answer_is_always_an_address(client_ip: str, forwarded_for: str) -> None:
    for source in (PEER, PROXY):
        found = ADDRESSES.find(source, client_ip, forwarded_for)
        assert parse_address(found).text == found


@given(st.lists(st.ip_addresses().map(str), max_size=5))
def test_entries_left_of_the_client_never_matter(invented: list[str]) -> None:
    assert ADDRESSES.find(PROXY, "", ",".join([*invented, CLIENT, FAR_PROXY])) == CLIENT
