from collections.abc import Sequence
from pathlib import Path

import pytest

from riskengine.request import make_request
from riskengine.seclang.path_rules import PathRules
from riskengine.seclang.reader import read_rules
from riskengine.seclang.rules import Rule
from riskengine.seclang.transaction import Transaction

RULES = r"""
SecRule REQUEST_BASENAME "@rx \.([a-z]+)$" \
    "id:1,phase:1,deny,log,capture,t:lowercase,setvar:tx.ending=.%{tx.1}/,chain"
  SecRule TX:ending "@within .bak/ .sql/"
SecRule REQUEST_BASENAME "@rx \.([a-z]+)$" "id:2,phase:1,deny,log,capture,chain"
  SecRule MATCHED_VAR "@streq a.js"
"""


@pytest.fixture
def rules(tmp_path: Path) -> Sequence[Rule]:
    file = tmp_path / "rules.conf"
    file.write_text(RULES)
    return read_rules([file]).rules.rules


def asked(path: str) -> Transaction:
    return Transaction(make_request(client_ip="203.0.113.7", method="GET", path=path))


class Fires:
    """Remembers the paths that a rule was run for; those that end in `.bak` make it fire."""

    def __init__(self) -> None:
        self.ran: list[tuple[int, str]] = []

    def __call__(self, place: int, transaction: Transaction) -> bool:
        self.ran.append((place, transaction.request.path))
        return transaction.request.path.lower().endswith(".bak")


def test_paths_with_the_same_ending_run_the_rule_once(rules: Sequence[Rule]) -> None:
    fires = Fires()
    path_rules = PathRules(rules, 0b01, fires)
    paths = ["/a.js", "/b.js", "/a/C.JS", "/a.bak", "/b.bak", "/a.js", "/none"]
    assert [path_rules.fired(0b01, asked(path)) for path in paths] == [0, 0, 0, 1, 1, 0, 0]
    assert fires.ran == [(0, "/a.js"), (0, "/a.bak"), (0, "/none")]


def test_a_rule_that_looks_at_the_whole_value_runs_for_each(rules: Sequence[Rule]) -> None:
    fires = Fires()
    path_rules = PathRules(rules, 0b10, fires)
    assert [path_rules.fired(0b10, asked(path)) for path in ("/a.js", "/b.js", "/b.js")] == [0] * 3
    assert fires.ran == [(1, "/a.js"), (1, "/b.js")]
