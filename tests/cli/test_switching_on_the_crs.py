"""Switching the OWASP CRS on as docs/signatures.md says leaves every check of the rules green."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "signatures.md").read_text()
DEBIAN = Path("/usr/share/modsecurity-crs")
LATEST = ROOT.parent / "shared" / "data" / "crs" / "ruleset"

installed = [
    pytest.param(
        DEBIAN,
        marks=[
            pytest.mark.system,
            pytest.mark.skipif(not DEBIAN.is_dir(), reason="modsecurity-crs is not installed"),
        ],
        id="3.3 as Debian ships it",
    ),
    pytest.param(
        LATEST,
        marks=[
            pytest.mark.slow,
            pytest.mark.shared_data,
            pytest.mark.skipif(not LATEST.is_dir(), reason="the public data is not here"),
        ],
        id="4",
    ),
]


def switched_on(crs: Path, directory: Path) -> Path:
    """The rules that ship with the one line changed that the page says."""
    rules = directory / "rules"
    shutil.copytree(ROOT / "rules", rules)
    path = rules / "signatures.yaml"
    text, changed = re.subn(r"# crs: \S+", f"crs: {crs}", path.read_text())
    assert changed == 1
    path.write_text(text)
    return rules


def test_the_page_tells_of_the_line_that_the_rules_have() -> None:
    shipped = (ROOT / "rules" / "signatures.yaml").read_text()
    assert "    # crs: /usr/share/modsecurity-crs\n" in shipped
    assert "# crs: /usr/share/modsecurity-crs" in PAGE


@pytest.mark.timeout(300)
@pytest.mark.parametrize("crs", installed)
def test_rule_tests_pass_and_good_traffic_is_never_stopped(crs: Path, tmp_path: Path) -> None:
    rules = switched_on(crs, tmp_path)
    good = ROOT / "data" / "samples" / "known-good.jsonl"
    command = [sys.executable, "-m", "riskengine.cli.main", "check"]
    done = subprocess.run(
        [*command, "--rules", str(rules), "--models", str(ROOT / "models"), "--good", str(good)],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4_000:]
    assert re.search(r"^ok +signatures: [45]\d\d signatures", done.stdout, re.MULTILINE)
    assert "good requests pass" in done.stdout
