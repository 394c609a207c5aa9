"""`riskengine limits show`, `reset` and `top` against a running store."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from redis import Redis

from riskengine.clock import SystemClock
from riskengine.store.counters import Hit
from riskengine.store.hot_keys import HotKeys
from riskengine.store.open import open_counters
from riskengine.store.watched import WatchedCounters
from tests.cli.test_replay import riskengine

RULES = """
limits:
  - {id: login, description: x, key: [ip], limit: 5, window: 1h}
  - {id: pages, description: x, key: [ip], limit: 1000, window: 1h, mode: observe}
"""
HOUR_US = 3_600_000_000


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "limits.yaml").write_text(RULES)
    return tmp_path / "rules"


@pytest.fixture
def store(valkey_url: str) -> str:
    """A store in which 203.0.113.7 has used up its logins, and 203.0.113.8 one."""
    redis = Redis.from_url(valkey_url)
    redis.flushall()
    redis.set("somebody:else", "x")
    redis.close()
    asyncio.run(_count(valkey_url))
    return valkey_url


async def _count(url: str) -> None:
    watch = HotKeys(url, process="worker-1")
    counters = WatchedCounters(open_counters(url, clock=SystemClock(), timeout_s=5), watch)
    for client, times in ((7, 8), (8, 1)):
        subject = f"d:rl1:{{ip:203.0.113.{client}}}"
        login, pages = (
            Hit(f"{subject}:login:{HOUR_US}", 5, HOUR_US),
            Hit(f"{subject}:pages:{HOUR_US}", 1000, HOUR_US, observed=True),
        )
        await counters.hit([[login, pages]] * times, budget_s=5)
    counters.look()
    await watch.flush()
    await counters.close()


def test_show_tells_what_is_used_and_left(store: str, rules: Path) -> None:
    done = riskengine("limits", "show", "203.0.113.7", "--store", store, "--rules", rules)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Counters of d ip:203.0.113.7" in done.stdout
    assert re.search(r"login +1h +strict +5 +5 +0 ", done.stdout)
    assert re.search(r"pages \(observed\) +1h +strict +5 +1000 +995 ", done.stdout)


def test_show_takes_a_whole_key_and_speaks_json(store: str, rules: Path) -> None:
    key = f"d:rl1:{{ip:203.0.113.8}}:login:{HOUR_US}"
    done = riskengine("limits", "show", key, "--store", store, "--rules", rules, "--json")
    [counter] = json.loads(done.stdout)["counters"]
    assert (counter["rule_id"], counter["used"], counter["left"]) == ("login", 1, 4)
    assert [bucket["hits"] for bucket in counter["held"]] == [1]


def test_nobody_has_no_counters(store: str, rules: Path) -> None:
    done = riskengine("limits", "show", "192.0.2.1", "--store", store, "--rules", rules)
    assert (done.returncode, done.stdout) == (0, "no counters of 192.0.2.1\n")


def test_search_stops_where_it_is_told_and_says_so(store: str, rules: Path) -> None:
    redis = Redis.from_url(store)
    redis.mset({f"d:rl1:{{ip:203.0.113.7}}:login:{n}": b"x" for n in range(3_000)})
    done = riskengine(
        "limits",
        "show",
        "203.0.113.7",
        "--store",
        store,
        "--rules",
        rules,
        "--scan-max",
        1,
        "--json",
    )
    redis.close()
    report = json.loads(done.stdout)
    assert not report["complete"]
    assert len(report["counters"]) < 3_000
    assert "stopped after 1 keys" in done.stderr


def test_reset_forgets_one_client_and_leaves_the_others(store: str, rules: Path) -> None:
    done = riskengine("limits", "reset", "203.0.113.7", "--store", store, "--yes", "--json")
    assert json.loads(done.stdout)["deleted"] == 2
    redis = Redis.from_url(store)
    left = {name.decode() for name in redis.scan_iter("*")}
    redis.close()
    assert {name for name in left if "top1" not in name} == {
        "somebody:else",
        f"d:rl1:{{ip:203.0.113.8}}:login:{HOUR_US}",
        f"d:rl1:{{ip:203.0.113.8}}:pages:{HOUR_US}",
    }


def test_reset_of_one_rule(store: str, rules: Path) -> None:
    arguments = ("203.0.113.7", "--rule", "login", "--store", store)
    done = riskengine("limits", "reset", *arguments, "--yes")
    assert done.stdout == "1 counters of 203.0.113.7 are gone\n"


def test_reset_asks_first(store: str) -> None:
    done = riskengine("limits", "reset", "203.0.113.7", "--store", store)
    assert done.returncode == 2
    assert "Forget these 2 counters?" in done.stderr
    assert "nothing was forgotten; --yes does not ask" in done.stderr
    again = riskengine("limits", "show", "203.0.113.7", "--store", store, "--json")
    assert len(json.loads(again.stdout)["counters"]) == 2


def test_top_ranks_what_came_most_what_is_full_and_what_is_refused(store: str, rules: Path) -> None:
    done = riskengine("limits", "top", "--store", store, "--rules", rules, "--json")
    report = json.loads(done.stdout)
    assert report["processes"] == 1
    assert [(k["subject"], k["count"]) for k in report["hottest"][:2]] == [
        ("ip:203.0.113.7", 8),
        ("ip:203.0.113.7", 8),
    ]
    assert [(k["rule_id"], k["used"], k["limit"]) for k in report["nearest"]] == [("login", 5, 5)]
    assert [(k["rule_id"], k["count"]) for k in report["most_refused"]] == [("login", 3)]
    shown = riskengine("limits", "top", "--store", store, "--rules", rules).stdout
    for told in ("Hottest", "Nearest to their limit", "Most refused", "ip:203.0.113.7"):
        assert told in shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "x", "--store", "memory"], 2, "--store must be embedded, redis://HOST:PORT"),
        (["show", "x", "--store", "redis://127.0.0.1:1"], 2, "the store does not answer"),
        (["top", "--store", "unix:///nowhere/store.sock"], 2, "the store does not answer"),
        (["reset", "x", "--store", "redis://127.0.0.1:port"], 2, "--store is not a usable URL"),
        (["top", "--rules", "/nowhere"], 3, "/nowhere: no such directory"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(arguments: list[str], code: int, words: str) -> None:
    done = riskengine("limits", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
