"""A few counters know the most frequent of many keys, and how wrong they may be."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from riskengine.store.heavy_keys import HeavyKeys

CHUNKS = st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=30), max_size=8)


@given(CHUNKS, st.integers(1, 6))
def test_counts_are_never_too_low_and_never_more_wrong_than_they_say(
    chunks: list[list[str]], capacity: int
) -> None:
    heavy, truth = HeavyKeys(capacity), Counter[str]()
    for chunk in chunks:
        heavy.add(Counter(chunk))
        truth.update(chunk)
    kept = {key: (times, error) for key, times, error in heavy.top(99)}
    assert len(heavy) == len(kept) <= capacity
    for key, came in truth.items():
        if key in kept:
            times, error = kept[key]
            assert times - error <= came <= times
        else:
            assert came <= heavy.floor


def test_a_hot_key_is_found_among_ten_times_as_many_as_are_kept() -> None:
    heavy = HeavyKeys(100)
    for turn in range(50):
        heavy.add({f"cold-{turn}-{i}": 1 for i in range(1_000)} | {"hot": 20})
    assert heavy.top(1)[0].key == "hot"
    assert heavy.top(1)[0].times == 1_000
