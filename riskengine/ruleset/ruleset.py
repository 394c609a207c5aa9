"""All rules of one directory, checked and frozen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from riskengine.ruleset.addresses import AddressesFile, BlockList
from riskengine.ruleset.behavior import BehaviorFile, ThresholdRule
from riskengine.ruleset.bots import BotRule, BotsFile
from riskengine.ruleset.limits import LimitRule, LimitsFile
from riskengine.ruleset.list_files import LoadedList
from riskengine.ruleset.network_set import NetworkSet
from riskengine.ruleset.open_databases import OpenDatabase
from riskengine.ruleset.origin_match import OriginMatch
from riskengine.ruleset.override_files import Overrides
from riskengine.ruleset.parameters import ParameterRoute, ParametersFile
from riskengine.ruleset.request_checks import CheckRule
from riskengine.ruleset.routes import RouteTable
from riskengine.ruleset.signatures import SignatureSet, SignaturesFile

StoppingRule = (
    BlockList | BotRule | CheckRule | ParameterRoute | SignatureSet | LimitRule | ThresholdRule
)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What analysts wrote, as the stages need it. Made by `load_ruleset`."""

    addresses: AddressesFile
    parameters: ParametersFile
    limits: LimitsFile
    behavior: BehaviorFile
    routes: RouteTable
    revision: str
    """Hash of the content of all files, lists included: equal rules have equal revisions."""
    directory: Path
    signatures: SignaturesFile = field(default_factory=SignaturesFile)
    signature_folders: tuple[Path, ...] = ()
    """Directories outside `directory` that signatures are read from."""
    overrides: Mapping[str, Overrides] = field(default_factory=dict)
    """Limits of their own for some values of a key, by the id of the rule."""
    bots: BotsFile = field(default_factory=BotsFile)
    list_files: Mapping[str, NetworkSet] = field(default_factory=dict)
    """Networks of the list files that rules name by path."""
    lists: Mapping[str, LoadedList] = field(default_factory=dict)
    """Published lists by id."""
    databases: tuple[OpenDatabase, ...] = ()

    def stale(self, now: float) -> list[str]:
        """Ids of lists and databases that are older than they may be."""
        lists = [name for name, one in self.lists.items() if one.is_stale(now)]
        return lists + [one.rule.id for one in self.databases if one.is_stale(now)]

    def outside(self) -> list[Path]:
        """What the rules are read from beside their directory: the installed CRS."""
        return list(self.signature_folders)

    def stopping_rules(self) -> Iterator[StoppingRule]:
        """Every rule that can stop a request, in the order of the funnel."""
        yield from self.addresses.blocklists
        yield from self.bots.bots
        yield from self.parameters.checks
        yield from self.parameters.routes
        yield from self.signatures.sets
        yield from self.limits.limits
        yield from self.behavior.thresholds

    def origin_matches(self) -> list[OriginMatch]:
        """What the rules ask about the origins of requests."""
        asking = (*self.addresses.allowlists, *self.stopping_rules())
        return [rule.match for rule in asking if not isinstance(rule, BotRule)]

    def rule_ids(self) -> Iterator[str]:
        """Ids of all rules, in the order of the funnel."""
        rules = (
            *self.addresses.allowlists,
            *self.addresses.blocklists,
            *self.bots.bots,
            *self.parameters.checks,
            *self.parameters.routes,
            *self.signatures.sets,
            *self.limits.limits,
            *self.behavior.thresholds,
        )
        return (rule.id for rule in rules)
