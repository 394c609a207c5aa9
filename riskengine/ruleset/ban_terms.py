"""Which rules ban whom they stop, for how long, and where."""

from collections.abc import Mapping
from typing import NamedTuple

from riskengine.ruleset.ruleset import Ruleset


class BanTerms(NamedTuple):
    """What becomes of the address of a client that a rule stops."""

    seconds: float
    all_hosts: bool


def ban_terms(rules: Ruleset) -> Mapping[str, BanTerms]:
    """Terms by rule id, of the rules that ban at all."""
    return {
        rule.id: BanTerms(rule.ban_for, rule.ban_scope == "all")
        for rule in rules.stopping_rules()
        if rule.ban_for is not None
    }
