"""Everything that tells whether rules are fit to serve: they load, test well, stop nobody good."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from riskengine.analyst.known_good import GoodTraffic, run_known_good
from riskengine.analyst.rule_tests import TestResult, run_rule_tests
from riskengine.analyst.signature_report import SetReport, compile_sets, report_sets
from riskengine.assembly import model_of
from riskengine.errors import ModelError, RulesetError
from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.ruleset import Ruleset
from riskengine.seclang.pattern_cache import PatternCache

OK, RULES_DO_NOT_LOAD, TEST_FAILED, GOOD_STOPPED = 0, 3, 4, 5


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found."""

    rules: Path
    revision: str
    """Empty when the rules do not load."""
    counts: dict[str, int]
    """Rules by kind."""
    mistakes: tuple[str, ...] = ()
    signatures: tuple[SetReport, ...] = ()
    tests: tuple[TestResult, ...] = ()
    good: GoodTraffic | None = None
    """None when there was no known-good traffic to run."""

    @property
    def exit_code(self) -> int:
        """0, or the code of the first thing that is wrong."""
        if self.mistakes:
            return RULES_DO_NOT_LOAD
        if not all(test.passed for test in self.tests):
            return TEST_FAILED
        return GOOD_STOPPED if self.good and self.good.stopped else OK

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "ok": self.exit_code == OK,
            "exit_code": self.exit_code,
            "rules": str(self.rules),
            "revision": self.revision,
            "counts": self.counts,
            "mistakes": list(self.mistakes),
            "signatures": [asdict(one) for one in self.signatures],
            "tests": [asdict(t) | {"path": str(t.path), "passed": t.passed} for t in self.tests],
            "good": self.good and (asdict(self.good) | {"path": str(self.good.path)}),
        }


def check_rules(
    rules: Path, models: Path, good: Path | None, patterns: PatternCache
) -> CheckReport:
    """Load the rules, run their tests, run `good` if given. What is wrong is in the report.

    `patterns` compiles signatures, once for all that is run. Raises InputError when `good` cannot
    be read.
    """
    try:
        ruleset = load_ruleset(rules)
    except RulesetError as error:
        return CheckReport(rules, "", {}, mistakes=tuple(error.mistakes))
    counts, revision = _counts(ruleset), ruleset.revision
    try:
        sets = tuple(report_sets(ruleset))
        compile_sets(ruleset, patterns)
        tests = tuple(run_rule_tests(ruleset, models))
        model = model_of(ruleset, models)
    except RulesetError as error:
        return CheckReport(rules, revision, counts, tuple(error.mistakes))
    except ModelError as error:
        return CheckReport(rules, revision, counts, (str(error),))
    traffic = run_known_good(ruleset, model, good) if good else None
    return CheckReport(rules, revision, counts, (), sets, tests, traffic)


def _counts(ruleset: Ruleset) -> dict[str, int]:
    return {
        "allowlists": len(ruleset.addresses.allowlists),
        "blocklists": len(ruleset.addresses.blocklists),
        "bots": len(ruleset.bots.bots),
        "checks": len(ruleset.parameters.checks),
        "routes": len(ruleset.parameters.routes),
        "limits": len(ruleset.limits.limits),
        "thresholds": len(ruleset.behavior.thresholds),
    }
