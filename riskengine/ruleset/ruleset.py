"""All rules of one directory, checked and frozen."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from riskengine.ruleset.addresses import AddressesFile
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.ruleset.signatures import SignaturesFile


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What analysts wrote, as the stages need it. Made by `load_ruleset`."""

    addresses: AddressesFile
    """With the networks of all list files."""
    parameters: ParametersFile
    limits: LimitsFile
    behavior: BehaviorFile
    routes: RouteTable
    revision: str
    """Hash of the content of all files, lists included: equal rules have equal revisions."""
    directory: Path
    signatures: SignaturesFile = field(default_factory=SignaturesFile)

    def rule_ids(self) -> Iterator[str]:
        """Ids of all rules, in the order of the funnel."""
        rules = (
            *self.addresses.allowlists,
            *self.addresses.blocklists,
            *self.parameters.checks,
            *self.parameters.routes,
            *self.signatures.sets,
            *self.limits.limits,
            *self.behavior.thresholds,
        )
        return (rule.id for rule in rules)
