"""Equal heads are one object, and what follows from them is found out once."""

from hypothesis import given
from hypothesis import strategies as st

from riskengine import headers as module
from riskengine.headers import OWN, ByHead, Head, headers_of

PAIRS = (("host", "shop.example"), ("accept", "a"), ("accept", "b"))
LONG = (("x-long", "x" * 5_000),)
names = st.sampled_from(["host", "accept", "cookie", "referer", "x-request-id"])


def test_requests_with_other_cookies_and_referers_share_one_head() -> None:
    one = headers_of((("host", "a"), ("cookie", "s=1"), ("referer", "/a"), ("accept", "b")))
    other = headers_of((("host", "a"), ("cookie", "s=2"), ("referer", "/b"), ("accept", "b")))
    assert one.head is other.head
    assert one.own == (("cookie", "s=1"), ("referer", "/a"))
    assert other.pairs == (("host", "a"), ("cookie", "s=2"), ("referer", "/b"), ("accept", "b"))


def test_another_order_is_another_head() -> None:
    assert headers_of(PAIRS).head is not headers_of(PAIRS[::-1]).head


@given(st.lists(st.tuples(names, st.text(max_size=3)), max_size=8).map(tuple))
def test_of_headers_of_one_name_the_last_is_found(pairs: module.Pairs) -> None:
    headers = headers_of(pairs)
    assert headers.by_name() == dict(pairs)
    for name in ("host", "accept", "cookie", "referer", "x-request-id"):
        assert headers.get(name) == dict(pairs).get(name)


@given(st.lists(st.tuples(names, st.text(max_size=3)), max_size=8).map(tuple))
def test_head_holds_no_value_that_is_a_requests_own(pairs: module.Pairs) -> None:
    headers = headers_of(pairs)
    assert [name for name, _ in headers.head.pairs] == [name for name, _ in pairs]
    assert not any(value for name, value in headers.head.pairs if name in OWN)
    assert [pairs[at] for at in headers.head.own_places] == list(headers.own)


def test_what_follows_from_a_head_is_found_out_once() -> None:
    asked: list[Head] = []

    def count(head: Head) -> int:
        asked.append(head)
        return len(head.pairs)

    counts = ByHead(count)
    assert [counts[headers_of(PAIRS).head] for _ in range(3)] == [3, 3, 3]
    assert asked == [headers_of(PAIRS).head]


def test_long_heads_are_not_kept() -> None:
    sizes = ByHead(lambda head: len(head.pairs))
    assert headers_of(LONG).head is not headers_of(LONG).head
    assert sizes[headers_of(LONG).head] == 1
    assert len(sizes) == 0


def test_no_more_heads_are_kept_than_memory_is_meant_for() -> None:
    sizes = ByHead(lambda head: len(head.pairs))
    for number in range(2 * module.SHARED_MAX + 1):
        assert sizes[headers_of((("x-number", str(number)),)).head] == 1
    assert 0 < len(sizes) <= module.SHARED_MAX
