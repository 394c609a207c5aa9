"""Whom somebody means, and what the rules say about their counters."""

from pathlib import Path

import pytest

from riskengine.analyst.counter_limits import RuleLimits
from riskengine.analyst.wanted_counters import wanted_counters
from riskengine.ruleset.loader import load_ruleset
from riskengine.store.stored_limits import CounterKey, read_key

RULES = """
limits:
  - {id: plain, description: x, key: [ip], limit: 10, window: 1m, deny_above: 30}
  - {id: by-user, description: x, key: [user], limit: 10, window: 1m, overrides: lists/partners.txt}
  - {id: paced, description: x, key: [ip], limit: 100, window: 1m, algorithm: pace, burst: 5}
  - id: coarse
    description: x
    key: [user]
    limit: 10
    window: 1m
    coarser: {key: [network], limit: 99}
"""


def key(text: str) -> CounterKey:
    found = read_key(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("wanted", "subject", "fits"),
    [
        ("203.0.113.7", "ip:203.0.113.7", True),
        ("203.0.113.7", "ip:203.0.113.70", False),
        ("ip:203.0.113.7", "ip:203.0.113.7,route:login", True),
        ("ip:203.0.113.7,route:login", "ip:203.0.113.7,route:login", True),
        ("ip:203.0.113.7,route:login", "ip:203.0.113.7", False),
        ("2001:db8:1:2::5", "ip:2001:db8:1:2::/64", True),
        ("ip:2001:db8:1:2::5", "ip:2001:db8:1:2::/64", True),
        ("2001:db8:1:2::/64", "ip:2001:db8:1:2::/64", True),
        ("ann", "user:ann", True),
        ("user:ann", "session:ann", False),
        ("ann", "user:joann", False),
        ("attribute:plan:free", "attribute:plan:free", True),
        ("free", "attribute:plan:free", True),
        ("user:a b", "user:#ef4bc4d0bd1dbc40c5d2cc8e2a0d5aab", False),
    ],
)
def test_one_is_named_by_subject_part_or_value(wanted: str, subject: str, fits: bool) -> None:
    assert wanted_counters(wanted).fits(key(f"d:rl1:{{{subject}}}:r:1000000")) is fits
    if fits:
        assert wanted_counters(wanted).contains in subject


def test_an_odd_value_is_found_by_its_hash() -> None:
    contains = wanted_counters("user:a b").contains
    assert contains.startswith("user:#")
    assert wanted_counters("a b").fits(key(f"d:rl1:{{{contains}}}:r:1000000"))


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("d:rl1:{ip:203.0.113.7}:plain:60000000", 10),
        ("d:rl1:{site:2001:db8::/48}:plain:60000000", 160),
        ("d:rl1:{ip:203.0.113.7}:plain:60000000:attempts", 30),
        ("d:rl1:{user:ann}:by-user:60000000", 10),
        ("d:rl1:{user:partner-x}:by-user:60000000", 5000),
        ("d:rl1:{network:203.0.113.0/24}:by-user:60000000", 160),
        ("d:rl1:{network:203.0.113.0/24}:coarse:60000000", 99),
        ("d:rl1:{ip:203.0.113.7}:paced:60000000:pace", 5),
        ("d:rl1:{ip:203.0.113.7}:plain:3600000000", None),  # the rule has another window now
        ("d:rl1:{ip:203.0.113.7}:gone:60000000", None),
    ],
)
def test_the_limit_of_a_counter_is_that_of_its_rule(
    tmp_path: Path, text: str, limit: int | None
) -> None:
    (tmp_path / "limits.yaml").write_text(RULES)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "partners.txt").write_text("partner-x 5000\n")
    assert RuleLimits(load_ruleset(tmp_path)).limit(key(text)) == limit
    assert RuleLimits(None).limit(key(text)) is None
