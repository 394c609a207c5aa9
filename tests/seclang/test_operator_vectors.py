"""Every operator against the public vectors."""

from pathlib import Path
from typing import Any

import pytest

from riskengine.errors import OperatorError
from riskengine.seclang.operators import compile_operator
from tests.seclang.vectors import VECTORS as DIRECTORY
from tests.seclang.vectors import operator_input, unescaped, vectors

VECTORS = vectors("operators")
SCHEMA = """{"type": "object", "required": ["name", "age"],
 "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}}}"""
"""The vectors name a schema that does not come with them; this one fits what they expect."""

UNREADABLE = {b"10.0.0.0/100"}
"""Read as an empty list elsewhere; here it is an error when the rules load."""


@pytest.fixture(scope="module")
def schema_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("schema")
    (directory / "testdata").mkdir()
    (directory / "testdata" / "schema.json").write_text(SCHEMA)
    return directory


@pytest.mark.shared_data
@pytest.mark.skipif(not VECTORS, reason="the public vectors are not here")
@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['file']}-{v['input'][:20]!a}")
def test_operator_decides_as_the_vector_says(
    vector: dict[str, Any], schema_directory: Path
) -> None:
    name = vector["name"]
    directory = DIRECTORY / "operators" / "testdata" / "op"
    argument = unescaped(vector.get("param", ""))
    directory = schema_directory if name == "validateSchema" else directory
    if argument in UNREADABLE:
        with pytest.raises(OperatorError, match="not an address or network"):
            compile_operator(name, argument, directory=directory)
        return
    operator = compile_operator(name, argument, directory=directory)
    match = operator.match(operator_input(vector["input"]))
    assert (match is not None) == bool(vector["ret"])
    if "re_groups" in vector:
        assert match is not None
        assert list(match.captures) == [text.encode() for text in vector["re_groups"]]
