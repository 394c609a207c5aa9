"""`riskengine limits import`, as somebody at a terminal or a pipe meets it."""

import json
from pathlib import Path

from riskengine.ruleset.loader import load_ruleset
from tests.cli.test_replay import riskengine

CONFIG = """
domain: shop
descriptors:
  - key: user
    rate_limit: {unit: minute, requests_per_unit: 20}
  - key: user
    value: blocked
    rate_limit: {unit: minute, requests_per_unit: 0}
"""


def config(directory: Path, text: str = CONFIG) -> Path:
    path = directory / "config.yaml"
    path.write_text(text)
    return path


def test_written_rules_load_and_notes_stand_on_stderr(tmp_path: Path) -> None:
    out = tmp_path / "rules" / "limits.yaml"
    done = riskengine("limits", "import", config(tmp_path), "--out", out)
    assert (done.returncode, done.stdout) == (0, "")
    assert "config.yaml:6: not imported: user=blocked refuses everything" in done.stderr
    assert "1 rules, 1 notes" in done.stderr
    [rule] = load_ruleset(out.parent).limits.limits
    assert (rule.id, rule.match.namespaces) == ("shop-user", ("shop",))


def test_without_out_the_rules_come_to_the_pipe_and_json_tells_all(tmp_path: Path) -> None:
    path = config(tmp_path)
    text = riskengine("limits", "import", path, "--namespace", "").stdout
    assert text.startswith("# yaml-language-server: $schema=")
    assert "namespaces" not in text
    report = json.loads(riskengine("limits", "import", path, "--namespace", "", "--json").stdout)
    assert (report["rules"], len(report["notes"]), report["text"]) == (1, 1, text)


def test_nothing_is_written_over_what_is_there_unless_forced(tmp_path: Path) -> None:
    out = tmp_path / "limits.yaml"
    out.write_text("mine")
    done = riskengine("limits", "import", config(tmp_path), "--out", out)
    assert (done.returncode, out.read_text()) == (2, "mine")
    assert "is there already; --force replaces it" in done.stderr
    assert riskengine("limits", "import", config(tmp_path), "--out", out, "--force").returncode == 0


def test_a_wrong_file_is_refused_with_its_line_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "limits.yaml"
    wrong = config(tmp_path, CONFIG.replace("minute", "fortnight"))
    done = riskengine("limits", "import", wrong, "--out", out)
    assert done.returncode == 3
    assert "config.yaml:5: unit must be one of second, minute, hour, day" in done.stderr
    assert "2 mistake(s)" in done.stderr
    assert not out.exists()


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    done = riskengine("limits", "import", tmp_path / "nowhere.yaml")
    assert done.returncode == 3
    assert "nowhere.yaml:1: cannot be read: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr
