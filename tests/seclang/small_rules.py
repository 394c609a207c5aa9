"""Rules written down in a test, read as they are and built for the fast evaluator."""

from pathlib import Path

from riskengine.seclang.building import build
from riskengine.seclang.fast import FastRules
from riskengine.seclang.pattern_database import compile_database
from riskengine.seclang.reader import read_rules
from riskengine.seclang.rules import RuleSet
from riskengine.seclang.specialize import specialize


def read(text: str, directory: Path) -> RuleSet:
    """The rules of `text`, all of which must be understood."""
    path = directory / "rules.conf"
    path.write_text(text)
    reading = read_rules([path])
    assert not reading.remarks
    return reading.rules


def built(rules: RuleSet) -> FastRules:
    """Their fast evaluator."""
    return build(specialize(rules, {}), compile_database)
