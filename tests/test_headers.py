"""Equal headers are one object, and what follows from them is found out once."""

from riskengine import headers as module
from riskengine.headers import ByHeaders, Headers, headers_of

PAIRS = (("host", "shop.example"), ("accept", "a"), ("accept", "b"))
LONG = (("cookie", "x" * 5_000),)


def test_equal_headers_are_one_object() -> None:
    assert headers_of(PAIRS) is headers_of((*PAIRS[:2], PAIRS[2]))
    assert headers_of(PAIRS).pairs == PAIRS


def test_of_headers_of_one_name_the_last_is_found_by_name() -> None:
    assert headers_of(PAIRS).by_name == {"host": "shop.example", "accept": "b"}


def test_what_follows_from_headers_is_found_out_once() -> None:
    asked: list[Headers] = []

    def count(headers: Headers) -> int:
        asked.append(headers)
        return len(headers.pairs)

    counts = ByHeaders(count)
    assert [counts[headers_of(PAIRS)] for _ in range(3)] == [3, 3, 3]
    assert asked == [headers_of(PAIRS)]


def test_long_headers_are_not_kept() -> None:
    sizes = ByHeaders(lambda headers: len(headers.pairs))
    assert headers_of(LONG) is not headers_of(LONG)
    assert sizes[headers_of(LONG)] == 1
    assert len(sizes) == 0


def test_no_more_headers_are_kept_than_memory_is_meant_for() -> None:
    sizes = ByHeaders(lambda headers: len(headers.pairs))
    for number in range(2 * module.SHARED_MAX + 1):
        assert sizes[headers_of((("x-number", str(number)),))] == 1
    assert 0 < len(sizes) <= module.SHARED_MAX
