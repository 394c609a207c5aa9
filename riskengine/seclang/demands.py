"""What one condition asks of one value."""

from dataclasses import dataclass
from typing import NamedTuple

from riskengine.seclang.operators_contract import Operator
from riskengine.seclang.steps import LOWERCASE

Chain = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One condition, as far as single values decide it. Each is equal to itself alone."""

    bit: int
    operator: Operator
    negated: bool
    scanned: bool
    """Whether the scan knows its pattern."""
    exact: bool
    """Whether the scan alone tells; otherwise the operator confirms what it finds."""
    caseless: bool
    """Whether the scan finds in any value what it finds in its lower case."""
    assumed: bool = False
    """Whether it is taken to hold for any value."""
    needed: frozenset[int] | None = None
    """Bytes of which a value must hold at least one for the condition to hold, where known."""


class Demand(NamedTuple):
    """One condition, as far as it concerns one value."""

    chain: Chain
    """The transformations that are still to be done."""
    asked: Asked
    lowers: bool = False
    """Whether the operator, if it is asked, is asked about the lower case."""

    def matches(self, value: bytes) -> bool:
        """What the operator says, `!` left out."""
        return self.asked.operator.match(value.lower() if self.lowers else value) is not None


def demand(chain: Chain, asked: Asked, *, lowers: bool = False) -> Demand:
    """The demand behind `chain`.

    A last step to lower case is left to the operator where the scan can do without it.
    """
    if asked.caseless and chain[-1:] == (LOWERCASE,):
        return Demand(chain[:-1], asked, True)
    return Demand(chain, asked, lowers)
