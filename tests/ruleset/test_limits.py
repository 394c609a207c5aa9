from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from riskengine.decision import Verdict
from riskengine.ruleset.fields import Rule
from riskengine.ruleset.limits import LimitMatch, LimitRule, LimitsFile, PlainPart

ROOT = Path(__file__).parents[2]
DEFAULTS = ROOT / "rules" / "limits.yaml"
PAGE = ROOT / "docs" / "limits.md"
SMALLEST = {"id": "login", "description": "x", "key": ["ip"], "limit": 5, "window": "1m"}


def rule(**fields: Any) -> LimitRule:
    return LimitRule.model_validate({**SMALLEST, **fields})


def test_the_smallest_rule_throttles_and_counts_locally_without_the_store() -> None:
    smallest = rule()
    assert smallest.verdict is Verdict.THROTTLE
    assert (smallest.mode, smallest.on_store_error, smallest.missing) == (
        "enforce",
        "local",
        "skip",
    )
    assert (smallest.cost, smallest.window_us) == (1, 60_000_000)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", ["ip", "user"]),
        ("key", ["attribute:account", "header:X-Api-Key"]),
        ("key", ["session", "device", "route", "tls", "host", "method", "namespace"]),
        ("window", "10ms"),
        ("window", "365d"),
        ("limit", 1_000_000_000),
        ("cost", 5),
        ("verdict", "deny"),
        ("on_store_error", "closed"),
        ("match", {"methods": ["POST"], "paths": ["/login", "/api/**"], "routes": ["login"]}),
        ("match", {"kinds": ["page"], "namespaces": ["de"], "attributes": {"plan": "free"}}),
        ("match", {"headers": {"X-Client": "app"}}),
        ("match", {"attributes_like": {"path": "/api/*"}}),
        ("match", {"attributes_unlike": {"plan": ["free", "trial*"], "bot": ["*"]}}),
        ("cost", "body_bytes"),
        ("cost", "route_points"),
        ("algorithm", "exact"),
        ("algorithm", "approx"),
        ("algorithm", "pace"),
        ("algorithm", "concurrency"),
        ("count_denied", True),
        ("deny_above", 50),
        ("group", "login"),
        ("overrides", "lists/partners.txt"),
        ("rollout", 25),
        ("starts_at", "2026-11-27T08:00:00+01:00"),
        ("expires_at", "2026-12-24"),
        ("lease", 100),
        ("ipv6_site", 0),
        ("keys_max", 1_000),
        ("coarser", {"key": ["network"], "limit": 500}),
    ],
)
def test_field_takes(field: str, value: object) -> None:
    rule(**{field: value})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"key": []}, "at least 1"),
        ({"key": ["ip", "ip"]}, "must name each part once, got ip twice"),
        ({"key": ["address"]}, "should match pattern"),
        ({"key": ["attribute:"]}, "should match pattern"),
        ({"key": ["attribute:a{b"]}, "should match pattern"),
        ({"key": "ip"}, "valid tuple"),
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limit": "many"}, "valid integer"),
        ({"limit": 1.5}, "valid integer"),
        ({"limit": True}, "valid integer"),
        ({"limit": 1_000_000_001}, "less than or equal to 1000000000"),
        ({"window": 60}, "must be a duration"),
        ({"window": "9ms"}, "must be 10ms or more"),
        ({"cost": 6}, r"cost must be at most the limit \(5\)"),
        ({"algorithm": "fixed"}, "'strict', 'exact', 'approx', 'pace' or 'concurrency'"),
        ({"verdict": "allow"}, "must be throttle or deny"),
        ({"on_store_error": "deny"}, "'local', 'open' or 'closed'"),
        ({"match": {"paths": ["login"]}}, "must begin with '/'"),
        ({"match": {"methods": ["post"]}}, "upper case"),
        ({"match": {"path": "/login"}}, "Extra inputs"),
        ({"match": {"attributes": {"age": 3}}}, "valid string"),
        ({"burst": 3}, "burst belongs to the algorithm pace"),
        ({"algorithm": "pace", "burst": 6}, r"burst must be at most the limit \(5\)"),
        ({"algorithm": "pace", "burst": 2, "cost": 3}, r"at most the burst \(2\)"),
        ({"algorithm": "exact", "limit": 1_001}, "take strict for a limit of 1001"),
        ({"calendar": "day"}, "window or calendar, not both"),
        ({"calendar": "year"}, "'day', 'week' or 'month'"),
        ({"time_zone": "Europe/Berlin"}, "time_zone belongs to calendar"),
        ({"time_zone": "Mars"}, "name of a time zone such as Europe/Berlin"),
        ({"deny_above": 5}, r"must be above the limit \(5\)"),
        ({"deny_above": 9, "verdict": "deny"}, "leave verdict out"),
        ({"algorithm": "concurrency", "cost": 2}, "cost must be 1"),
        ({"algorithm": "concurrency", "limit": 10_001}, "10000 requests in flight at most"),
        ({"algorithm": "concurrency", "count_denied": True}, "leave count_denied"),
        ({"algorithm": "exact", "lease": 5}, "lease goes with the algorithm strict alone"),
        ({"rollout": 101}, "less than or equal to 100"),
        ({"starts_at": "tomorrow"}, "a time with its zone"),
        ({"starts_at": "2026-11-27T08:00:00"}, "a time with its zone"),
        ({"starts_at": "2026-11-28", "expires_at": "2026-11-27"}, "later than starts_at"),
        ({"escalation": {"bans": ["1m"], "forget": "1d"}}, "for a limit that denies"),
        (
            {"verdict": "deny", "escalation": {"bans": ["1h", "1m"], "forget": "1d"}},
            "must grow from step to step",
        ),
        ({"coarser": {"key": [], "limit": 5}}, "at least 1"),
    ],
)
def test_mistake_is_refused_with_what_would_be_right(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        rule(**fields)


def test_a_calendar_takes_the_place_of_a_window() -> None:
    fields: dict[str, Any] = {**SMALLEST, "calendar": "day", "time_zone": "Europe/Berlin"}
    del fields["window"]
    assert LimitRule.model_validate(fields).window == 86_400


def test_a_rule_needs_a_window_or_a_calendar() -> None:
    with pytest.raises(ValidationError, match="Field required"):
        LimitRule.model_validate({k: v for k, v in SMALLEST.items() if k != "window"})


def test_the_default_rules_say_whom_they_may_hit_and_whom_to_ask() -> None:
    defaults = LimitsFile.model_validate(YAML(typ="safe").load(DEFAULTS))
    assert len({limit.id for limit in defaults.limits}) == len(defaults.limits) > 5
    assert all(limit.owner and limit.false_positives for limit in defaults.limits)


@pytest.mark.parametrize("name", [n for n in LimitRule.model_fields if n not in Rule.model_fields])
def test_every_field_of_a_limit_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text()


@pytest.mark.parametrize("name", LimitMatch.model_fields)
def test_every_field_of_a_match_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text()


@pytest.mark.parametrize("name", [*get_args(PlainPart), "attribute:NAME", "header:NAME"])
def test_every_key_part_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text()


def test_the_example_of_the_page_is_a_rule() -> None:
    example = PAGE.read_text().split("```yaml\n")[1].split("```")[0]
    assert LimitsFile.model_validate(YAML(typ="safe").load(example)).limits[0].limit == 5
