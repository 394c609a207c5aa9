"""What all evaluations of one program share."""

from collections.abc import Mapping
from typing import NamedTuple

from riskengine.seclang.choices import Choices, Exclusion, Removal
from riskengine.seclang.evaluation import Fired
from riskengine.seclang.held import HeldConditions
from riskengine.seclang.prepared import Prepared
from riskengine.seclang.rules import Target
from riskengine.seclang.selected import Selected
from riskengine.seclang.watching import Watch


class Knowledge(NamedTuple):
    """What holds for all requests."""

    watch: Watch
    prepared: Mapping[int, Prepared]
    """Every condition with an operator, by its `id()`."""
    given: Mapping[int, Fired]
    """Rules that fire for certain when they are visited, by their `id()`."""
    held: HeldConditions
    removals: Choices[Removal, bool]
    exclusions: Choices[Exclusion, tuple[Target, ...]]
    selected: Selected
