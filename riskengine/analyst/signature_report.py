"""What the signature sets of a ruleset hold, and what of their SecLang is left out."""

from collections.abc import Iterator
from dataclasses import dataclass

from riskengine.errors import RulesetError
from riskengine.ruleset.ruleset import Ruleset
from riskengine.ruleset.signatures import SignatureSet
from riskengine.seclang.pattern_cache import PatternCache
from riskengine.seclang.places import Remark
from riskengine.seclang.reader import Reading
from riskengine.stages.signature_sets import CompiledSet, read_set


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in a SecLang file that this engine does not do."""

    file: str
    line: int
    rule_id: int
    """0 where it is about no rule."""
    kind: str
    """`unsupported`: the rule is left out; `without effect`: the rule stays, this part is idle."""
    cause: str


@dataclass(frozen=True, slots=True)
class SetReport:
    """One set of signatures as it is read."""

    id: str
    signatures: int
    """Rules that are run."""
    files: int
    left_out: tuple[LeftOut, ...]


def report_sets(ruleset: Ruleset) -> list[SetReport]:
    """Every set that is not disabled; RulesetError with the mistakes of all of them."""
    readings: list[tuple[SignatureSet, Reading]] = []
    mistakes: dict[str, None] = {}
    for source in _enabled(ruleset):
        try:
            readings.append((source, read_set(source, ruleset.directory)))
        except RulesetError as error:
            mistakes |= dict.fromkeys(error.mistakes)
    if mistakes:
        raise RulesetError(list(mistakes))
    return [_report(source, reading) for source, reading in readings]


def compile_sets(ruleset: Ruleset, patterns: PatternCache) -> None:
    """Have the patterns of all sets in the cache, so that engines built later take no time."""
    for source in _enabled(ruleset):
        CompiledSet(source, ruleset.signatures.exclusions, ruleset.directory, patterns)


def _enabled(ruleset: Ruleset) -> Iterator[SignatureSet]:
    return (one for one in ruleset.signatures.sets if one.mode != "disabled")


def _report(source: SignatureSet, reading: Reading) -> SetReport:
    rules = reading.rules.rules
    files = {condition.place.path for rule in rules for condition in rule.conditions}
    return SetReport(source.id, len(rules), len(files), tuple(map(_left_out, reading.remarks)))


def _left_out(remark: Remark) -> LeftOut:
    place = remark.place
    return LeftOut(str(place.path), place.line, remark.rule_id, remark.kind, remark.cause)
