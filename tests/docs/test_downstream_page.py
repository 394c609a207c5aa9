"""What the page on downstream calls shows is run, and prints what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "downstream.md").read_text()
EXAMPLE = re.compile(r"```python\n(.*?)```\s+prints\s+```text\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize(("code", "printed"), EXAMPLE.findall(PAGE))
def test_an_example_prints_what_the_page_says(code: str, printed: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert run.stderr == ""
    assert run.stdout == printed


def test_the_page_has_examples() -> None:
    assert len(EXAMPLE.findall(PAGE)) >= 4
