"""The stages of the funnel, in their order, made from one ruleset."""

from collections.abc import Callable
from dataclasses import dataclass

from riskengine.behavior.model import Model
from riskengine.behavior.profile import ProfileTable
from riskengine.clock import Clock
from riskengine.funnel import Stage
from riskengine.origin.reader import OriginReader
from riskengine.origin.verification import BotVerifier
from riskengine.ruleset.ruleset import Ruleset
from riskengine.seclang.pattern_cache import PatternCache
from riskengine.stages.addresses import AddressesStage
from riskengine.stages.behavior import BehaviorStage
from riskengine.stages.escalation import Escalations
from riskengine.stages.parameters import ParametersStage
from riskengine.stages.rate_limits import RateLimitsStage
from riskengine.stages.signature_sets import CompiledSet
from riskengine.stages.signatures import SignaturesStage
from riskengine.store.ban_book import BanBook
from riskengine.store.counters import Counters
from riskengine.store.local import LocalCounters


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What stages are made over, and what outlives a reload."""

    bans: BanBook
    verifier: BotVerifier | None
    patterns: PatternCache
    profiles: ProfileTable
    counters: Counters
    local: LocalCounters
    escalations: Escalations
    clock: Clock
    believe_received_at: bool
    share: Callable[[], float]
    """This process's part of a limit while the store is away."""


def stages_of(rules: Ruleset, model: Model | None, parts: Parts) -> list[Stage]:
    """New stages by these rules, cheapest first."""
    origins = OriginReader(
        databases=rules.databases,
        bots=rules.bots.bots,
        lists=rules.lists,
        verifier=parts.verifier,
        matches=rules.origin_matches(),
    )
    return [
        AddressesStage(
            rules.addresses,
            bots=rules.bots,
            list_files=rules.list_files,
            lists=rules.lists,
            bans=parts.bans,
            origins=origins,
        ),
        ParametersStage(rules.parameters, rules.routes),
        SignaturesStage(rules.signatures, _compiled_sets(rules, parts.patterns)),
        RateLimitsStage(
            rules.limits,
            parts.counters,
            clock=parts.clock,
            believe_received_at=parts.believe_received_at,
            share=parts.share,
            overrides=rules.overrides,
            local=parts.local,
            escalations=parts.escalations,
        ),
        BehaviorStage(rules.behavior, parts.profiles, model),
    ]


def _compiled_sets(rules: Ruleset, patterns: PatternCache) -> list[CompiledSet]:
    """The signature sets that are on; seconds where their patterns are not in the cache."""
    return [
        CompiledSet(one, rules.signatures.exclusions, rules.directory, patterns)
        for one in rules.signatures.sets
        if one.mode != "disabled"
    ]
