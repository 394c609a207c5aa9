"""The part of a rule's `match` that is about origins, compiled. Every stage calls it."""

from collections.abc import Callable

from riskengine.origin.origin import Origin
from riskengine.ruleset.origin_match import OriginFacts, OriginMatch

OriginTest = Callable[[Origin], bool]


def origin_test(match: OriginMatch) -> OriginTest | None:
    """Tells whether an origin is meant; None where the rule asks for nothing, so for all."""
    wanted = _facts_test(match)
    unwanted = _facts_test(match.unless) if match.unless is not None else None
    if unwanted is None:
        return wanted
    if wanted is None:
        return lambda origin: not unwanted(origin)
    return lambda origin: wanted(origin) and not unwanted(origin)


def _facts_test(facts: OriginFacts) -> OriginTest | None:
    tests = list(_tests(facts))
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda origin: all(test(origin) for test in tests)


def _tests(facts: OriginFacts) -> list[OriginTest]:
    countries, numbers, tags = frozenset(facts.country), frozenset(facts.asn), frozenset(facts.tags)
    bots = frozenset(facts.bot)
    agents = frozenset(agent.lower() for agent in facts.agent)
    tests: list[OriginTest] = []
    if countries:
        tests.append(lambda origin: origin.country in countries)
    if numbers:
        tests.append(lambda origin: origin.asn in numbers)
    if tags:
        tests.append(lambda origin: not tags.isdisjoint(origin.tags))
    if bots:
        tests.append(
            lambda origin: origin.state in bots or (origin.verified and origin.bot in bots)
        )
    if agents:
        tests.append(lambda origin: origin.agent.lower() in agents)
    return tests
