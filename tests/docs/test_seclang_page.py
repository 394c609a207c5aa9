"""docs/seclang.md names everything that rules can say about values."""

import re
from pathlib import Path
from typing import get_args

import pytest

from riskengine.seclang import bodies_multipart
from riskengine.seclang.bodies_contract import ARGUMENTS_MAX, DEPTH_MAX, BodyError
from riskengine.seclang.operators import COMPARISONS, PREPARED, REFUSED
from riskengine.seclang.operators_schema import KEYWORDS
from riskengine.seclang.transforms import TRANSFORMS

PAGE = (Path(__file__).parents[2] / "docs" / "seclang.md").read_text()
WORDS = {word.lower() for word in re.findall(r"`([^`]+)`", PAGE)}
SILENT = {"$id", "$schema", "description", "title"}
"""Keywords of JSON Schema that say nothing about a text."""


@pytest.mark.parametrize("name", sorted({*TRANSFORMS, *COMPARISONS, *PREPARED, *REFUSED}))
def test_name_is_documented(name: str) -> None:
    assert name in WORDS


@pytest.mark.parametrize("error", [error for error in get_args(BodyError) if error])
def test_body_error_is_documented(error: str) -> None:
    assert f"| `{error}` |" in PAGE


def test_every_multipart_flag_is_documented() -> None:
    source = Path(bodies_multipart.__file__).read_text()
    flags = set(re.findall(r'"(MULTIPART_\w+)"', source))
    assert len(flags) > 8
    assert all(flag in PAGE for flag in flags)


def test_limits_and_schema_keywords_are_documented() -> None:
    assert f"more than {ARGUMENTS_MAX:,} ".replace(",", " ") in PAGE
    assert f"more than {DEPTH_MAX} deep" in PAGE
    assert {word.lower() for word in KEYWORDS - SILENT} <= WORDS
