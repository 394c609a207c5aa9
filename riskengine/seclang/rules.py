"""SecLang rules as frozen values: what the reader makes and both evaluators run."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import re2

from riskengine.seclang.macros import Macro
from riskengine.seclang.operators_contract import Operator
from riskengine.seclang.places import Place

Disruption = Literal["pass", "deny", "allow", "allow:phase", "allow:request"]
"""What a rule does to the request when it matches: `block`, `drop`, `redirect` are `deny` here."""

_KEY_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True)
class Target:
    """One variable of a rule, or one that it leaves out."""

    variable: str
    """In upper case."""
    key: str = ""
    """Only the entry of this name, in lower case; empty for all."""
    pattern: re2._Regexp | None = None
    """Only entries whose name it matches."""
    count: bool = False
    """How many there are, instead of what they hold."""

    def takes(self, key: str) -> bool:
        """Whether an entry of that (lower-case) name is meant."""
        if self.pattern is not None:
            return _matches(self.pattern, key)
        return not self.key or self.key == key

    def __str__(self) -> str:
        key = f"/{self.pattern.pattern!s}/" if self.pattern is not None else self.key
        return f"{'&' if self.count else ''}{self.variable}{':' if key else ''}{key}"


def _matches(pattern: re2._Regexp, key: str) -> bool:
    if len(key) > _KEY_LENGTH_MAX:
        return pattern.search(key.encode("utf-8", "surrogateescape")) is not None
    return _matches_short(pattern, key)


@lru_cache(maxsize=16_384)  # a fifth of a microsecond instead of two, for the same few names
def _matches_short(pattern: re2._Regexp, key: str) -> bool:
    return pattern.search(key.encode("utf-8", "surrogateescape")) is not None


class SetVar(NamedTuple):
    """Writes to TX."""

    name: Macro
    operation: Literal["=", "+", "-", "unset"]
    value: Macro


class Ctl(NamedTuple):
    """Changes how this one request is judged."""

    kind: str
    """In lower case, such as `ruleremovebyid`."""
    value: str
    target: Target | None = None
    """What a `ruleRemoveTarget...` leaves out."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of a rule. A chain has several, and all must hold."""

    place: Place
    targets: tuple[Target, ...]
    excluded: tuple[Target, ...]
    """Written with `!`."""
    operator: Operator | None
    """None for SecAction, which always holds."""
    negated: bool
    argument: Macro
    transforms: tuple[str, ...]
    """In lower case, in order; `none` is resolved."""
    multi_match: bool = False
    capture: bool = False
    setvars: tuple[SetVar, ...] = ()
    ctls: tuple[Ctl, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A SecRule with its chain, or a SecAction."""

    id: int
    phase: int
    place: Place
    conditions: tuple[Condition, ...]
    disruption: Disruption = "pass"
    skip_after: str = ""
    """Name of the marker behind which to go on; empty for none."""
    skip: int = 0
    """How many rules to skip."""
    tags: tuple[str, ...] = ()
    message: Macro = Macro(())  # noqa: RUF009 - an immutable value
    data: Macro = Macro(())  # noqa: RUF009 - an immutable value
    severity: str = ""
    recorded: bool = True
    """False for `nolog`: a step of the rule set, not a finding."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Where skips end."""

    name: str


Step = Rule | Marker


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All steps of files, in order; the same steps serve both phases."""

    steps: tuple[Step, ...]
    digest: str
    """Hash of all that was read."""

    @property
    def rules(self) -> list[Rule]:
        """The rules without the markers."""
        return [step for step in self.steps if isinstance(step, Rule)]
