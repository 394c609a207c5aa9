"""Parts of the cache: local entries, the filter of keys that exist, entries as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.downstream.cache_bloom import BloomFilter
from riskengine.downstream.cache_entry import Entry, decode_entry, encode_entry
from riskengine.downstream.cache_local import LocalEntries


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 400)), max_size=200))
def test_local_entries_never_take_more_than_their_bytes(puts: list[tuple[int, int]]) -> None:
    local = LocalEntries(ManualClock(), bytes_max=1_000, trust_s=1)
    for key, length in puts:
        entry = Entry(b"x" * length, 0, 0, 0)
        local.put(str(key), entry)
        assert local.size <= 1_000
        assert local.get(str(key))[0] == entry


def test_an_entry_larger_than_everything_is_not_held() -> None:
    local = LocalEntries(ManualClock(), bytes_max=1_000, trust_s=1)
    local.put("a", Entry(b"small", 0, 0, 0))
    local.put("a", Entry(b"x" * 1_000, 0, 0, 0))
    assert len(local) == 0


@given(st.sets(st.text(max_size=20), max_size=300))
def test_a_bloom_filter_never_denies_what_it_was_given(keys: set[str]) -> None:
    known = BloomFilter(max(1, len(keys)), keys=keys)
    assert all(key in known for key in keys)


@pytest.mark.parametrize("false_share", [0.1, 0.01, 0.001])
def test_a_bloom_filter_lets_about_as_many_through_as_said(false_share: float) -> None:
    known = BloomFilter(20_000, false_share=false_share, keys=map(str, range(20_000)))
    passed = sum(str(number) in known for number in range(20_000, 120_000)) / 100_000
    assert passed == pytest.approx(false_share, rel=0.35)


@pytest.mark.parametrize(("capacity", "false_share"), [(0, 0.1), (10, 0.0), (10, 1.0)])
def test_a_bloom_filter_says_what_is_wrong_with_its_size(capacity: int, false_share: float) -> None:
    with pytest.raises(ValueError, match="capacity must be above 0"):
        BloomFilter(capacity, false_share=false_share)


@given(st.binary(max_size=50))
def test_bytes_that_are_no_entry_are_none_and_entries_survive(data: bytes) -> None:
    assert decode_entry(b"\xc1" + data) is None
    entry = Entry(data, 1.0, 2.0, 3.0)
    assert decode_entry(encode_entry(entry)) == entry
