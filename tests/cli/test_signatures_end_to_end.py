"""From a request that was stopped wrongly to the exclusion that lets it pass, by the real log."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from riskengine.clock import ManualClock
from riskengine.decision import Decision, Verdict
from riskengine.engine import Engine
from riskengine.records.decision_log import DecisionLog
from riskengine.request import Request, make_request
from riskengine.ruleset.loader import load_ruleset
from riskengine.store.memory import MemoryCounters

SIGNATURES = """sets:
  - {id: small, description: Ours., directory: own}
"""
SECLANG = """
SecRule ARGS "@contains union select" "id:1,phase:2,pass,setvar:tx.inbound_anomaly_score_pl1=+5"
SecRule REQUEST_COOKIES "@contains <b" "id:2,phase:2,pass,setvar:tx.inbound_anomaly_score_pl1=+5"
SecRule TX:inbound_anomaly_score_pl1 "@ge 5" "id:9,phase:2,deny,nolog"
"""


def ask(path: str = "/search", query: str = "", cookie: str = "") -> Request:
    return make_request(
        client_ip="203.0.113.7",
        method="GET",
        path=path,
        query=query,
        headers=(("cookie", cookie),) if cookie else (),
        received_at=1_700_000_000.0,
    )


GOOD = [ask(query="q=the+union+select+committee"), ask(cookie="note=<b>hi"), ask(query="q=shoes")]
BAD = [ask("/login", query="q=union+select"), ask(query="other=union+select")]


async def decide(rules: Path, log: Path, requests: list[Request]) -> list[Decision]:
    clock = ManualClock(1_700_000_000.0)
    records = DecisionLog(log, clock=clock)
    engine = Engine(
        load_ruleset(rules), clock=clock, counters=MemoryCounters(clock), records=[records]
    )
    decisions = await engine.evaluate(requests)
    await engine.close()
    return decisions


def signatures(*arguments: object, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "riskengine.cli.main", "signatures", "exclude"),
            *map(str, arguments),
        ],
        capture_output=True, text=True, timeout=60, check=False, cwd=directory,
    )  # fmt: skip


def test_what_the_log_shows_of_good_traffic_becomes_the_narrowest_exclusion(
    tmp_path: Path,
) -> None:
    rules = tmp_path / "rules"
    (rules / "own").mkdir(parents=True)
    (rules / "own" / "own.conf").write_text(SECLANG)
    (rules / "signatures.yaml").write_text(SIGNATURES)
    before = asyncio.run(decide(rules, tmp_path / "log", GOOD))
    assert [d.verdict for d in before] == [Verdict.DENY, Verdict.DENY, Verdict.ALLOW]

    told = signatures("--from-log", "log", "--json", directory=tmp_path)
    assert told.returncode == 0, told.stderr
    assert [(one["rule"], one["parameter"], one["path"]) for one in json.loads(told.stdout)] == [
        (1, "ARGS:q", "/search"),
        (2, "REQUEST_COOKIES:note", "/search"),
    ]

    diff = signatures("--from-log", "log", directory=tmp_path).stdout
    subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=tmp_path, check=True)
    after = asyncio.run(decide(rules, tmp_path / "later", [*GOOD, *BAD]))
    assert [d.verdict for d in after] == [Verdict.ALLOW] * 3 + [Verdict.DENY] * 2
