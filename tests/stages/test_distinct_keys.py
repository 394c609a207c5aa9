from hashlib import blake2b

import pytest

from riskengine.stages.distinct_keys import DistinctKeys, KeyCount


def steady(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


@pytest.mark.parametrize("keys", [0, 1, 10, 1_000, 10_000, 100_000])
def test_the_estimate_is_a_few_per_cent_off_at_most(keys: int) -> None:
    distinct = DistinctKeys(steady)
    for number in range(keys):
        distinct.add(f"user:{number}")
    assert distinct.estimate() == pytest.approx(keys, rel=0.05)


def test_a_key_counts_once_however_often_it_comes() -> None:
    distinct = DistinctKeys(steady)
    for _ in range(1_000):
        distinct.add("ip:203.0.113.7")
    assert distinct.estimate() == pytest.approx(1, abs=0.01)


def test_keys_are_forgotten_after_two_windows() -> None:
    count = KeyCount(60, steady)
    for number in range(1_000):
        count.add(f"user:{number}", at=30)
    count.add("user:1", at=90)
    assert count.estimate == pytest.approx(1_000, rel=0.05), "the last window had more"
    count.add("user:1", at=150)
    assert count.estimate == pytest.approx(1, abs=0.01)


def test_a_pause_forgets_everything() -> None:
    count = KeyCount(60, steady)
    count.add("a", at=0)
    count.add("b", at=600)
    assert count.estimate == pytest.approx(1, abs=0.01)
