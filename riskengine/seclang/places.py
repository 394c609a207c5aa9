"""Where something stands in a SecLang file, and what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Remark(NamedTuple):
    """Something in a SecLang file that is wrong, or that this engine does not do."""

    place: Place
    rule_id: int
    """The rule it is about; 0 where it is about none."""
    kind: Literal["mistake", "unsupported", "without effect"]
    """`mistake`: nothing loads; `unsupported`: the rule is left out; `without effect`: it stays."""
    cause: str

    def __str__(self) -> str:
        rule = f"rule {self.rule_id}: " if self.rule_id else ""
        return f"{self.place}: {rule}{self.cause}"
