"""Primaries, backups, and what happens when too few are left."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.priorities import Priorities
from riskengine.downstream.round_robin import RoundRobin

PRIMARY = [Endpoint(f"10.0.0.{n}:80") for n in range(1, 11)]
BACKUP = [Endpoint(f"10.1.0.{n}:80", priority=1) for n in range(1, 11)]


def priorities(*tiers: list[Endpoint]) -> Priorities:
    chosen = Priorities(RoundRobin, random.Random(5))
    chosen.update([endpoint for tier in tiers for endpoint in tier])
    return chosen


@pytest.mark.parametrize(
    ("primary_up", "backup_up", "expected"),
    [
        (10, 10, (1.0, 0.0)),
        (8, 10, (1.0, 0.0)),  # 1.4 x 80 % is more than everything
        (7, 10, (0.98, 0.02)),
        (5, 10, (0.70, 0.30)),
        (1, 10, (0.14, 0.86)),
        (0, 10, (0.0, 1.0)),
        (5, 0, (1.0, 0.0)),
        (2, 2, (0.5, 0.5)),  # neither can carry its part: in proportion to what they can
        (0, 0, (1.0, 0.0)),
    ],
)
def test_failover_and_failback_are_proportional(
    primary_up: int, backup_up: int, expected: tuple[float, float]
) -> None:
    up = {*PRIMARY[:primary_up], *BACKUP[:backup_up]}
    shares = priorities(PRIMARY, BACKUP).shares(up.__contains__)
    assert (shares[0], shares[1]) == pytest.approx(expected)


def test_traffic_follows_the_shares() -> None:
    up = {*PRIMARY[:5], *BACKUP}
    chosen = priorities(PRIMARY, BACKUP)
    seen = Counter(chosen.pick(b"", up.__contains__) in PRIMARY for _ in range(10_000))
    assert seen[True] == pytest.approx(7_000, abs=200)


def test_only_healthy_primaries_are_used_while_backups_help() -> None:
    up = {*PRIMARY[:2], *BACKUP}
    chosen = priorities(PRIMARY, BACKUP)
    assert {chosen.pick(b"", up.__contains__) for _ in range(2_000)} == up


NEAR = [Endpoint(f"10.0.0.{n}:80", zone="a") for n in range(1, 11)]
FAR = [Endpoint(f"10.0.1.{n}:80", zone="b") for n in range(1, 11)]


@pytest.mark.parametrize(
    ("near_up", "expected"), [(10, 1.0), (8, 1.0), (7, 0.98), (5, 0.7), (1, 0.14), (0, 0.0)]
)
def test_own_zone_is_preferred_and_spills_over_what_it_cannot_carry(
    near_up: int, expected: float
) -> None:
    chosen = Priorities(RoundRobin, random.Random(5), zone="a")
    chosen.update([*NEAR, *FAR])
    up = {*NEAR[:near_up], *FAR}
    seen = Counter(chosen.pick(b"", up.__contains__) in NEAR for _ in range(10_000))
    assert seen[True] == pytest.approx(10_000 * expected, abs=200)
    assert chosen.shares(up.__contains__) == {0: pytest.approx(1.0)}


def test_backup_of_the_own_zone_comes_after_primaries_of_another() -> None:
    backup = Endpoint("10.2.0.1:80", priority=1, zone="a")
    chosen = Priorities(RoundRobin, random.Random(5), zone="a")
    chosen.update([backup, *FAR])
    assert {chosen.pick(b"", lambda _: True) for _ in range(100)} == set(FAR)
    assert chosen.pick(b"", {backup}.__contains__) == backup


def test_without_a_zone_of_ones_own_zones_make_no_difference() -> None:
    chosen = priorities(NEAR, FAR)
    assert {chosen.pick(b"", lambda _: True) for _ in range(100)} == {*NEAR, *FAR}


def test_below_half_with_nobody_to_help_all_are_used() -> None:
    chosen = priorities(PRIMARY)
    four, five = set(PRIMARY[:4]), set(PRIMARY[:5])
    assert {chosen.pick(b"", five.__contains__) for _ in range(100)} == five
    assert {chosen.pick(b"", four.__contains__) for _ in range(100)} == set(PRIMARY)


def test_panic_can_be_switched_off() -> None:
    chosen = Priorities(RoundRobin, random.Random(5), panic_below=0)
    chosen.update(PRIMARY)
    assert {chosen.pick(b"", {PRIMARY[3]}.__contains__) for _ in range(20)} == {PRIMARY[3]}
    assert chosen.pick(b"", lambda _: False) is None


def test_second_attempt_goes_elsewhere_while_there_is_an_elsewhere() -> None:
    chosen = priorities(PRIMARY[:2])
    one, two = PRIMARY[:2]
    for _ in range(10):
        assert chosen.pick(b"", lambda _: True, frozenset([one])) == two
    assert chosen.pick(b"", lambda _: True, frozenset([one, two])) in (one, two)


def test_without_endpoints_there_is_no_choice() -> None:
    assert priorities().pick(b"", lambda _: True) is None


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    seed=st.integers(0, 999),
)
def test_shares_always_add_up_and_none_goes_to_a_dead_priority(sizes: list[int], seed: int) -> None:
    tiers = [
        [Endpoint(f"10.{p}.0.{n + 1}:80", priority=p) for n in range(size)]
        for p, size in enumerate(sizes)
    ]
    rng = random.Random(seed)
    up = {e for tier in tiers for e in tier if rng.random() < 0.4}
    shares = priorities(*tiers).shares(up.__contains__)
    assert sum(shares.values()) == pytest.approx(1)
    for priority, tier in enumerate(tiers):
        assert shares[priority] >= 0
        if up and not up & set(tier):
            assert shares[priority] == pytest.approx(0)
