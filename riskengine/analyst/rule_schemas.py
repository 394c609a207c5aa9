"""JSON Schemas of the rule files, so that editors complete, explain and underline."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from riskengine.analyst.rule_test_files import TestsFile
from riskengine.ruleset.fields import Entry
from riskengine.ruleset.loader import RULE_FILES

_FILES: Mapping[str, type[Entry]] = {**RULE_FILES, "tests.yaml": TestsFile}


def rule_schemas() -> dict[str, str]:
    """Name and text of each schema file, the same for the same release."""
    return {
        name.replace(".yaml", ".schema.json"): json.dumps(_schema(name), indent=2) + "\n"
        for name in _FILES
    }


def write_schemas(directory: Path) -> list[Path]:
    """Write all schemas to `directory`; the files written."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in rule_schemas().items():
        (directory / name).write_text(text)
        written.append(directory / name)
    return written


def _schema(name: str) -> dict[str, Any]:
    schema = _plain(_FILES[name].model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _plain(schema: Any, *, names: bool = False) -> Any:  # noqa: ANN401 - any part of a schema
    """The schema without what only repeats the key (`title`) or is no YAML (`default`).

    Below `names`, keys are names of the rule file, not words of JSON Schema.
    """
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _plain(part, names=key in ("properties", "$defs") and not names)
        for key, part in schema.items()
        if names or key not in ("title", "default")
    }
