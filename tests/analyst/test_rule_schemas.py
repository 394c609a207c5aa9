"""The committed schemas are those of this release, and the default rules fit them."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from riskengine.analyst.rule_schemas import rule_schemas
from riskengine.ruleset.yaml_source import read_document

RULES = Path(__file__).parents[2] / "rules"
RULE_FILES = sorted((*RULES.glob("*.yaml"), *(RULES / "tests").glob("*.yaml")))


def schema_of(path: Path) -> dict[str, Any]:
    name = "tests" if path.parent.name == "tests" else path.stem
    schema: dict[str, Any] = json.loads((RULES / "schema" / f"{name}.schema.json").read_text())
    return schema


def test_committed_schemas_are_current() -> None:
    """`riskengine schema` writes them."""
    committed = {path.name: path.read_text() for path in (RULES / "schema").iterdir()}
    assert committed == rule_schemas()


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_default_rule_file_fits_its_schema(path: Path) -> None:
    jsonschema.validate(read_document(path, path.read_bytes()).value, schema_of(path))


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_default_rule_file_names_its_schema_in_the_first_line(path: Path) -> None:
    first = path.read_text().partition("\n")[0]
    target = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / target).is_file()
    assert json.loads((path.parent / target).read_text()) == schema_of(path)


@pytest.mark.parametrize("name", rule_schemas())
def test_schema_is_one_itself(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(rule_schemas()[name]))


@pytest.mark.parametrize(
    "wrong", [{"limit": []}, {"limits": [{"id": "x"}]}, {"limits": [{"window": 5}]}, []]
)
def test_schema_refuses_what_loading_refuses(wrong: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json.loads(rule_schemas()["limits.schema.json"]))
