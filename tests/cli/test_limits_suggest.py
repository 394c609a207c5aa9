"""`riskengine limits suggest`, on every kind of log that replay reads."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from riskengine.analyst.limit_yaml import require_loadable
from riskengine.clock import ManualClock
from riskengine.records.decision_log import DecisionLog
from tests.analyst.small_shop import traffic, write_rules, write_traffic
from tests.analyst.test_replay import decide_live
from tests.cli.test_replay import riskengine

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "mixed.jsonl"
COMMON_LOG = "".join(
    f'203.0.113.{client} - - [17/May/2015:10:05:{second:02} +0000] "POST /login HTTP/1.1" 200 1\n'
    for second in range(10)
    for client in (range(1, 21) if second < 2 else [7])
)


def test_access_log_gives_the_distribution_and_a_rule_that_loads(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(COMMON_LOG)
    done = riskengine("limits", "suggest", log, "--route", "/login", "--touch", "0.05")
    assert (done.returncode, done.stderr) == (0, "")
    assert "48 requests of 20 clients" in done.stdout
    assert re.search(r"^ +9-16 +1 ", done.stdout, re.MULTILINE)
    assert re.search(r"^ +2 +1 \(5\.0 %\) +8  proposed$", done.stdout, re.MULTILINE)
    [rule] = require_loadable(done.stdout[done.stdout.index("limits:") :], log).limits
    assert (rule.id, rule.limit, rule.window, rule.mode) == ("login-per-ip", 2, 10.0, "observe")
    assert rule.match.paths == ("/login",)


def test_json_tells_good_and_bad_apart_and_is_the_same_every_time() -> None:
    runs = [
        riskengine("limits", "suggest", SAMPLE, "--window", "1m", "--json", seed=seed)
        for seed in "12"
    ]
    assert runs[0].stdout == runs[1].stdout
    report = json.loads(runs[0].stdout)
    assert (report["good"], report["bad"], report["clients"]) == (74, 129, 203)
    [window] = report["windows"]
    assert window["proposed"]["good"]["touched"] == 0
    assert window["proposed"]["bad"]["touched"] > 0


def test_route_of_the_map_and_methods_narrow_what_counts(tmp_path: Path) -> None:
    rules = write_rules(tmp_path / "rules")
    log = write_traffic(tmp_path / "t.jsonl", traffic())
    done = riskengine(
        "limits", "suggest", log, "--rules", rules, "--route", "login", "--method", "POST", "--json"
    )
    report = json.loads(done.stdout)
    assert report["requests"] + report["elsewhere"] == 11
    assert 0 < report["requests"] < 11
    assert "routes: [login]" in report["rule"]


async def test_decision_log_is_read_too(tmp_path: Path) -> None:
    rules = write_rules(tmp_path / "rules")
    await decide_live(traffic(), rules, DecisionLog(tmp_path / "log", clock=ManualClock()))
    done = riskengine("limits", "suggest", tmp_path / "log", "--json")
    assert json.loads(done.stdout)["requests"] == 11


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--key", "address"], "--key:"),
        (["--key", "user"], "none of its 48 requests counts"),
        (["--route", "/nowhere"], "none of its 48 requests counts (48 match neither --route"),
        (["--route", "nowhere"], "--route must be a path that begins with / or the id of a route"),
        (["--method", "post"], "--route or --method: "),
        (["--window", "60"], "--window must be a duration above 0"),
        (["--html", "/nowhere/page.html"], "/nowhere/page.html: cannot be written"),
    ],
)
def test_unusable_argument_is_one_clear_line(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    log = tmp_path / "access.log"
    log.write_text(COMMON_LOG)
    done = riskengine("limits", "suggest", log, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_page_loads_nothing_and_shows_what_it_names_as_text(tmp_path: Path) -> None:
    log = tmp_path / "<script>alert(1)<"
    log.write_text(COMMON_LOG)
    page = tmp_path / "page.html"
    assert riskengine("limits", "suggest", log, "--html", page).returncode == 0
    text = page.read_text()
    assert text.count("<svg") == 4
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert not re.search(r"(src|href)=|https?://|url\(|@import", text)


@pytest.mark.system
@pytest.mark.skipif(shutil.which("chromium") is None, reason="`make deps` installs chromium")
def test_page_shows_its_plots_in_a_browser(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert riskengine("limits", "suggest", SAMPLE, "--html", page).returncode == 0
    shown = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/u",
         "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert shown.count("<polyline") == 8  # good and bad in four windows
    assert shown.count('class="chosen"') == 5
