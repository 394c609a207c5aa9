"""Every reason code in the source is documented."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = re.compile(r'"((?:address|bot|rate_limit|behavior|request)\.[a-z_]+)"')
SOURCES = [
    *sorted((ROOT / "riskengine" / "stages").glob("*.py")),
    ROOT / "riskengine" / "edge" / "native_decoding.py",
]


def codes() -> set[str]:
    return {code for path in SOURCES for code in CODE.findall(path.read_text())}


def test_reasons_are_found_in_the_source() -> None:
    assert {"address.blocklisted", "rate_limit.exceeded", "behavior.anomalous"} <= codes()


@pytest.mark.parametrize("code", sorted(codes()))
def test_reason_stands_on_the_page_of_reasons(code: str) -> None:
    assert f"`{code}`" in (ROOT / "docs" / "reasons.md").read_text()
