"""What rules see of the client's address."""

from pathlib import Path

import pytest

from riskengine.request import make_request
from riskengine.seclang.building import build
from riskengine.seclang.pattern_database import compile_database
from riskengine.seclang.plain import evaluate
from riskengine.seclang.reader import read_rules
from riskengine.seclang.specialize import specialize

RULES = r"""
SecRule REMOTE_ADDR "@ipMatch 203.0.113.0/24,2001:db8::/32" "id:1,phase:1,pass,log"
SecRule REMOTE_HOST "!@rx ^(?:203\.0\.113\.7|2001:db8::7)$" "id:2,phase:1,pass,log"
"""


@pytest.mark.parametrize(
    ("client_ip", "fires"),
    [
        ("203.0.113.7", [1]),
        ("::ffff:203.0.113.7", [1]),
        ("2001:DB8:0::7", [1]),
        ("203.0.113.8", [1, 2]),
        ("198.51.100.7", [2]),
    ],
)
def test_rules_see_the_address_as_text(tmp_path: Path, client_ip: str, fires: list[int]) -> None:
    file = tmp_path / "rules.conf"
    file.write_text(RULES)
    rules = read_rules([file]).rules
    request = make_request(client_ip=client_ip, method="GET", path="/")
    [outcome] = build(specialize(rules, {}), compile_database).evaluate([request])
    assert [fired.rule.id for fired in outcome.fired] == fires
    assert [fired.rule.id for fired in evaluate(rules, request, {}).fired] == fires
