"""What analysts leave out of a rule set: rules, tags, parameters; everywhere or in some places."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from riskengine.seclang.amendments import Amendment, Selector, amend, selector
from riskengine.seclang.rules import RuleSet, Target
from riskengine.seclang.targets import parse_target


class Exemption(NamedTuple):
    """Rules that are not run, or one thing that they do not look at."""

    selects: Selector
    target: Target | None


def parse_exemption(rule: int | None, tag: str | None, parameter: str | None) -> Exemption:
    """OperatorError where the tag is no pattern or the parameter no variable."""
    selects = selector("id", str(rule)) if rule is not None else selector("tag", tag or "")
    return Exemption(selects, parse_target(parameter) if parameter is not None else None)


def exempted(rules: RuleSet, exemptions: Iterable[Exemption]) -> RuleSet:
    """The rule set without what the exemptions leave out."""
    amendments = [
        Amendment(one.selects, one.target is None, (), (one.target,) if one.target else ())
        for one in exemptions
    ]
    return replace(rules, steps=tuple(amend(rules.steps, amendments)))
