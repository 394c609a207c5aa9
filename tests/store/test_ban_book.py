"""The copy of the bans finds what the standard library finds, and forgets what is over."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.address import parse_address
from riskengine.store.ban_book import BanBook
from riskengine.store.bans import Ban, make_ban

NOW = 1_700_000_000.0


def ban(network: str, *, host: str = "", until: float = NOW + 600, **words: str) -> Ban:
    return make_ban(network, created_at=NOW, expires_at=until, host=host, **words)


def find(
    book: BanBook, address: str, *, host: str = "shop.example", at: float = NOW, ns: str = "default"
) -> str | None:
    packed = parse_address(address).packed
    found = book.find(packed, namespace=ns, host=lambda: host, at=at)
    return None if found is None else found.network


def book(*bans: Ban) -> BanBook:
    made = BanBook()
    for one in bans:
        made.put(one)
    return made


def test_a_ban_holds_for_its_network_and_for_nobody_else() -> None:
    held = book(ban("192.0.2.0/28"), ban("2001:db8::1"))
    assert find(held, "192.0.2.15") == "192.0.2.0/28"
    assert find(held, "192.0.2.16") is None
    assert find(held, "2001:db8::ffff") == "2001:db8::/64"
    assert find(held, "2001:db8:0:1::1") is None


def test_a_ban_holds_on_its_host_or_on_all_of_them() -> None:
    assert find(book(ban("192.0.2.1", host="shop.example")), "192.0.2.1") is not None
    assert find(book(ban("192.0.2.1", host="api.example")), "192.0.2.1") is None
    assert find(book(ban("192.0.2.1")), "192.0.2.1", host="any.example") is not None


def test_a_ban_holds_in_its_namespace_alone() -> None:
    held = book(ban("192.0.2.1", namespace="eu"))
    assert find(held, "192.0.2.1") is None
    assert find(held, "192.0.2.1", ns="eu") is not None


def test_a_ban_ends_at_its_moment() -> None:
    held = book(ban("192.0.2.1", until=NOW + 10))
    assert find(held, "192.0.2.1", at=NOW + 9.999) is not None
    assert find(held, "192.0.2.1", at=NOW + 10) is None


def test_a_ban_of_our_own_holds_for_what_comes_later_alone() -> None:
    held = BanBook()
    held.put(ban("192.0.2.1"), after=NOW)
    assert find(held, "192.0.2.1", at=NOW) is None
    assert find(held, "192.0.2.1", at=NOW + 0.001) is not None
    held.put(ban("192.0.2.1"))
    assert find(held, "192.0.2.1", at=NOW) is not None, "the store says so too"


def test_a_shorter_ban_changes_nothing_and_a_longer_one_takes_its_place() -> None:
    held = book(ban("192.0.2.1", until=NOW + 100))
    assert not held.put(ban("192.0.2.1", until=NOW + 50))
    assert find(held, "192.0.2.1", at=NOW + 99) is not None
    assert held.put(ban("192.0.2.1", until=NOW + 200), after=NOW)
    assert find(held, "192.0.2.1", at=NOW) is not None, "it was banned already"
    assert find(held, "192.0.2.1", at=NOW + 199) is not None
    assert len(held) == 1


def test_lifting_leaves_nothing_behind() -> None:
    held = book(ban("192.0.2.1"), ban("192.0.2.1", host="a.example"), ban("192.0.2.0/24"))
    for one in list(held.bans()):
        assert held.lift(one.key)
        assert not held.lift(one.key)
    assert len(held) == 0
    assert find(held, "192.0.2.1") is None


def test_what_ended_is_forgotten_unless_it_was_renewed() -> None:
    held = book(ban("192.0.2.1", until=NOW + 1), ban("192.0.2.2", until=NOW + 1))
    held.put(ban("192.0.2.2", until=NOW + 5))
    held.drop_ended(NOW + 1)
    assert [one.network for one in held.bans()] == ["192.0.2.2/32"]
    held.drop_ended(NOW + 5)
    assert len(held) == 0


def test_beyond_the_maximum_the_one_that_ends_first_goes() -> None:
    held = BanBook(bans_max=2)
    for number, until in ((1, 30), (2, 10), (3, 20)):
        held.put(ban(f"192.0.2.{number}", until=NOW + until))
    assert sorted(one.network for one in held.bans()) == ["192.0.2.1/32", "192.0.2.3/32"]


def test_replacing_tells_what_is_gone() -> None:
    stays, goes, comes = ban("192.0.2.1"), ban("192.0.2.2"), ban("192.0.2.3")
    held = book(stays, goes)
    assert held.replace([stays, comes]) == [goes]
    assert {one.key for one in held.bans()} == {stays.key, comes.key}


few = st.builds(lambda high, low: high << 28 | low, st.integers(0, 15), st.integers(0, 3))
networks = st.builds(
    lambda value, length: ipaddress.IPv4Network((value >> 32 - length << 32 - length, length)),
    few,
    st.integers(0, 32),
)


@given(st.lists(networks, max_size=10), st.lists(few, min_size=1, max_size=10))
def test_answers_are_those_of_the_standard_library(
    banned: list[ipaddress.IPv4Network], asked: list[int]
) -> None:
    held = book(*(ban(str(network)) for network in banned))
    for value in asked:
        address = ipaddress.IPv4Address(value)
        expected = any(address in network for network in banned)
        assert (find(held, str(address)) is not None) is expected
        assert held.holds(address.packed) is expected


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_empty_book_bans_nobody(address: str) -> None:
    assert find(BanBook(), address) is None
