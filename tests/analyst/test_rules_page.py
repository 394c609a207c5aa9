"""docs/rules.md tells every field, and its examples work."""

import asyncio
import re
from pathlib import Path

import pytest

from riskengine.analyst.rule_test_files import (
    Expectation,
    LocatedTest,
    RuleTest,
    TestsFile,
)
from riskengine.analyst.rule_test_requests import RequestGroup
from riskengine.analyst.rule_tests import run_tests
from riskengine.ruleset.addresses import AddressesFile, BlockList
from riskengine.ruleset.fields import Entry
from riskengine.ruleset.loader import RULE_FILES, load_ruleset
from riskengine.ruleset.validation import validate
from riskengine.ruleset.yaml_source import Document, read_document

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "rules.md"
TEXT = PAGE.read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def example(containing: str) -> Document:
    [text] = [text for text in EXAMPLES if containing in text]
    return read_document(PAGE, text.encode())


@pytest.mark.parametrize(
    "model", [AddressesFile, BlockList, TestsFile, RuleTest, RequestGroup, Expectation]
)
def test_every_field_is_told(model: type[Entry]) -> None:
    names = [field.alias or name for name, field in model.model_fields.items()]
    assert [name for name in names if not re.search(rf"\b{name}\b", TEXT)] == []


@pytest.mark.parametrize("name", RULE_FILES)
def test_every_rule_file_is_told(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_example_of_addresses_loads() -> None:
    document = example("allowlists:")
    assert validate(document, AddressesFile) is not None, document.mistakes


def test_example_of_rule_tests_passes_on_the_default_rules() -> None:
    document = example("tests:")
    tests_file = validate(document, TestsFile)
    assert tests_file is not None, document.mistakes
    tests = [LocatedTest(PAGE, 1, test, tests_file.stages) for test in tests_file.tests]
    results = asyncio.run(run_tests(tests, load_ruleset(ROOT / "rules"), None))
    assert [result.failures for result in results] == [(), ()]
