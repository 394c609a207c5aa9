"""What one condition asks of one value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from riskengine.seclang.operators_contract import Match
from riskengine.seclang.steps import LOWERCASE

Chain = tuple[str, ...]
Matcher = Callable[[bytes], Match | None]


class Demand(NamedTuple):
    """One condition, as far as it concerns one value."""

    chain: Chain
    """The transformations that are still to be done."""
    bit: int
    """The condition's bit."""
    scanned: bool
    """Whether the scan knows its pattern."""
    negated: bool
    match: Matcher
    """The operator."""
    exact: bool = True
    """Whether the scan alone tells; otherwise the operator confirms what it finds."""
    caseless: bool = False
    """Whether the scan finds in any value what it finds in its lower case."""


def without_lowercase(demand: Demand) -> Demand:
    """The same demand; a last step to lower case is left to the operator where the scan can do
    without it.
    """
    if not demand.caseless or demand.chain[-1:] != (LOWERCASE,):
        return demand
    return demand._replace(chain=demand.chain[:-1], match=_InLowerCase(demand.match))


@dataclass(frozen=True, slots=True)
class _InLowerCase:
    """An operator that is asked about the lower case of values."""

    match: Matcher

    def __call__(self, value: bytes) -> Match | None:
        return self.match(value.lower())
