"""What the documentation shows is run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ANCHORED = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def test_the_library_example_prints_what_the_page_says() -> None:
    text = (ROOT / "docs" / "library.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [printed] = re.findall(r"It prints `([^`]*)`", text)
    run = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert run.stdout.strip() == printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_a_heading_lead_to_one(page: Path) -> None:
    for target, anchor in ANCHORED.findall(page.read_text()):
        text = (page.parent / target if target else page).read_text()
        text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert anchor in map(anchor_of, headings), f"{page.name} links to {target}#{anchor}"


def anchor_of(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_commands_of_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make ([a-z-]+)(?:`| +#|$| LOG)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    main = (ROOT / "riskengine" / "cli" / "main.py").read_text()
    for command in re.findall(r"^\$ riskengine ([a-z-]+)", text, re.MULTILINE):
        assert f'"{command}":' in main, f"riskengine {command}"


def test_the_readme_example_talks_to_the_contract() -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    compile(example, "README.md", "exec")
    for name in ("RiskEngineStub", "EvaluateRequest", "Verdict.Name"):
        assert name in example
