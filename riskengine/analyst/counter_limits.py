"""Counters of the store beside the rules that they belong to."""

from collections.abc import Iterable

import msgspec

from riskengine.ruleset.limits import LimitRule
from riskengine.ruleset.ruleset import Ruleset
from riskengine.stages.limit import COARSER_TIMES
from riskengine.stages.limit_keys import override_subject
from riskengine.store.counter_search import Stored
from riskengine.store.stored_limits import CounterKey, Reading, read_value


class Bucket(msgspec.Struct, frozen=True):
    """Hits that came together."""

    ago_s: float
    hits: int


class CounterReport(msgspec.Struct, frozen=True, kw_only=True):
    """One counter, as `riskengine limits show` tells it."""

    key: str
    namespace: str
    subject: str
    rule_id: str
    window_s: float
    algorithm: str
    kind: str
    """`enforced`, `observed` (the rule or an allowlisted address), or `attempts`."""
    used: float | None
    """None where the value is not of a known format."""
    limit: int | None
    """None where the rules given do not have this rule, or with another window."""
    left: float | None
    held: list[Bucket]
    expires_s: float
    """Seconds until the store forgets the counter; hits leave the window before that."""


class RuleLimits:
    """Knows the limit of a counter from the rules."""

    def __init__(self, ruleset: Ruleset | None) -> None:
        rules: Iterable[LimitRule] = () if ruleset is None else ruleset.limits.limits
        self._rules = {rule.id: rule for rule in rules}
        self._overrides = {
            id_: {override_subject(self._rules[id_].key, value): n for value, n in values.items()}
            for id_, values in (ruleset.overrides if ruleset is not None else {}).items()
            if id_ in self._rules
        }

    def rule(self, key: CounterKey) -> LimitRule | None:
        """The rule that counts in `key`; None where it does not, or no longer."""
        rule = self._rules.get(key.rule_id)
        if rule is None or not 0 <= key.window_us - rule.window_us <= rule.window_us // 10 + 1:
            return None
        return rule

    def limit(self, key: CounterKey) -> int | None:
        """What the counter may hold; None where no rule says."""
        rule = self.rule(key)
        if rule is None:
            return None
        limit = self._overrides.get(rule.id, {}).get(key.subject, rule.limit)
        if key.attempts:
            return rule.deny_above
        if _has_part(key, "site"):
            return rule.ipv6_site * limit
        if _has_part(key, "network") and "network" not in rule.key:
            return rule.coarser.limit if rule.coarser else COARSER_TIMES * rule.limit
        if rule.algorithm == "pace":
            return max(1, rule.burst_or_default * limit // rule.limit)
        return limit


def _has_part(key: CounterKey, name: str) -> bool:
    return any(part.startswith(f"{name}:") for part in key.parts)


def counter_reports(
    counters: Iterable[Stored], limits: RuleLimits, now_us: int
) -> list[CounterReport]:
    """The counters, those nearest to their limit first."""
    reports = [_report(stored, limits, now_us) for stored in counters]
    return sorted(reports, key=lambda one: (-share_used(one), one.key))


def share_used(report: CounterReport) -> float:
    """0 to 1 and above; 0 where limit or count are not known."""
    return (report.used or 0) / report.limit if report.limit else 0.0


def _report(stored: Stored, limits: RuleLimits, now_us: int) -> CounterReport:
    key, rule, limit = stored.key, limits.rule(stored.key), limits.limit(stored.key)
    drains_by = rule.limit if rule is not None else None
    reading = read_value(key, stored.value, now_us, drains_by)
    return CounterReport(
        key=key.text,
        namespace=key.namespace,
        subject=key.subject,
        rule_id=key.rule_id,
        window_s=key.window_us / 1_000_000,
        algorithm=key.algorithm,
        kind=_kind(key, rule),
        used=None if reading is None else round(reading.used, 3),
        limit=limit,
        left=None if reading is None or limit is None else _left(limit, reading),
        held=[Bucket((now_us - at_us) / 1e6, n) for at_us, n in reading.held] if reading else [],
        expires_s=stored.ttl_ms / 1_000,
    )


def _left(limit: int, reading: Reading) -> float:
    return int(max(0.0, limit - reading.used))


def _kind(key: CounterKey, rule: LimitRule | None) -> str:
    if key.attempts:
        return "attempts"
    return "observed" if key.allowlisted or (rule and rule.observed) else "enforced"
