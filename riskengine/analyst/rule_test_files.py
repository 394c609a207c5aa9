"""Rule tests as analysts write them: `rules/tests/*_test.yaml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from riskengine.analyst.rule_test_requests import REQUESTS_MAX, RequestGroup
from riskengine.errors import RulesetError
from riskengine.request import Request
from riskengine.ruleset.explanations import nearest
from riskengine.ruleset.fields import Entry, show
from riskengine.ruleset.loader import sorted_messages
from riskengine.ruleset.ruleset import Ruleset
from riskengine.ruleset.validation import validate
from riskengine.ruleset.yaml_source import Document, Mistake, read_document

StageName = Literal["addresses", "parameters", "signatures", "rate_limits", "behavior"]
STAGES: tuple[StageName, ...] = get_args(StageName)


def _listed(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


class ScoreRange(Entry):
    """Where an anomaly score should lie, both ends included."""

    min: float = Field(default=0.0, ge=0, le=1)
    """Lowest score that is right."""
    max: float = Field(default=1.0, ge=0, le=1)
    """Highest score that is right."""


class Expectation(Entry):
    """What the decision about a request should be. What is left out may be anything."""

    at: Literal["last", "each"] | Annotated[int, Field(ge=1)] = "last"
    """Which request is meant: the last, each of them, or the one with this number from 1."""
    verdict: Literal["allow", "throttle", "deny"] | None = None
    """The verdict."""
    stage: str | None = None
    """The stage that decides; '' for none."""
    rule: str | None = None
    """Id of the rule that decides; '' for none."""
    reason: str | None = None
    """The reason code."""
    hits: tuple[str, ...] | None = None
    """Ids of all rules that fire, those that only observe included, in any order."""
    score: ScoreRange | None = None
    """The anomaly score; a request that was not scored is outside of every range."""

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if self.model_fields_set <= {"at"}:
            raise ValueError("expect needs verdict, stage, rule, reason, hits or score")
        return self

    def rules(self) -> Iterator[str]:
        """Ids of the rules it speaks of."""
        yield from (self.rule,) if self.rule else ()
        yield from self.hits or ()


Requests = Annotated[
    tuple[RequestGroup, ...],
    BeforeValidator(
        _listed,
        json_schema_input_type=RequestGroup
        | Annotated[tuple[RequestGroup, ...], Field(min_length=1)],
    ),
    Field(min_length=1),
]
Expectations = Annotated[
    tuple[Expectation, ...],
    BeforeValidator(
        _listed,
        json_schema_input_type=Expectation
        | Annotated[tuple[Expectation, ...], Field(min_length=1)],
    ),
    Field(min_length=1),
]


class RuleTest(Entry):
    """A sequence of requests on a clock of its own, and what should be decided."""

    name: str = Field(min_length=1)
    """A sentence that says what holds."""
    requests: Requests
    """One group of requests, or a list of groups."""
    expect: Expectations
    """One expectation, or a list of them."""

    @property
    def count(self) -> int:
        """How many requests it sends."""
        return sum(group.count for group in self.requests)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.count > REQUESTS_MAX:
            raise ValueError(f"must send at most {REQUESTS_MAX} requests, sends {self.count}")
        for expectation in self.expect:
            if isinstance(expectation.at, int) and expectation.at > self.count:
                raise ValueError(f"at must be a number up to {self.count}, got {expectation.at}")
        return self

    def timeline(self, start: float) -> Iterator[Request]:
        """The requests in order; `received_at` counts from `start`, seconds since the epoch."""
        at = start
        for position, group in enumerate(self.requests):
            step = group.every or 0.0
            if position:
                at += step if group.after is None else group.after
            for n in range(1, group.count + 1):
                at += step if n > 1 else 0.0
                yield group.request(n, at)


class TestsFile(Entry):
    """The whole of a test file."""

    __test__ = False

    stages: tuple[StageName, ...] = STAGES
    """The stages that take part; all of them where it is left out. The tests of a limit, say, need
    not look like shoppers to the model."""
    tests: tuple[RuleTest, ...] = Field(min_length=1)
    """The tests; each starts with empty counters and profiles."""


@dataclass(frozen=True, slots=True)
class LocatedTest:
    """A test and where it stands."""

    path: Path
    line: int
    test: RuleTest
    stages: tuple[str, ...] = STAGES


def read_rule_tests(ruleset: Ruleset) -> list[LocatedTest]:
    """All tests beside the rules, or RulesetError with every mistake in them."""
    known = list(ruleset.rule_ids())
    documents = [_read(path) for path in sorted((ruleset.directory / "tests").glob("*.y*ml"))]
    tests = [test for document in documents for test in _tests(document, known)]
    mistakes = [mistake for document in documents for mistake in document.mistakes]
    if mistakes:
        raise RulesetError(sorted_messages(mistakes))
    return tests


def _read(path: Path) -> Document:
    if not path.name.endswith("_test.yaml"):
        text = "no tests are read from this file; end its name with _test.yaml"
        return Document(path, mistakes=[Mistake(path, 1, text)])
    try:
        return read_document(path, path.read_bytes())
    except OSError as error:
        return Document(path, mistakes=[Mistake(path, 1, f"cannot be read: {error.strerror}")])


def _tests(document: Document, known: list[str]) -> Iterator[LocatedTest]:
    tests_file = validate(document, TestsFile)
    for at, test in enumerate(tests_file.tests if tests_file else ()):
        place = ("tests", at)
        for rule in (rule for expectation in test.expect for rule in expectation.rules()):
            if rule not in known:
                text = f"no rule has the id {show(rule)}{nearest(rule, known)}"
                document.blame((*place, "expect"), text)
        stages = tests_file.stages if tests_file else STAGES
        yield LocatedTest(document.path, document.line_of(place), test, stages)
