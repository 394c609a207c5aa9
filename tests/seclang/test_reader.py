from pathlib import Path

import pytest

from riskengine.seclang.reader import Reading, read_rules


def read(tmp_path: Path, text: str) -> Reading:
    path = tmp_path / "own.conf"
    path.write_text(text)
    return read_rules([path])


@pytest.mark.parametrize(
    ("text", "line", "rule", "kind", "words"),
    [
        ('SecRule ARGS "@rx a" "phase:2,pass"', 1, 0, "mistake", "needs one numeric id"),
        ('\nSecRule ARGS "@rx (" "id:7"', 2, 7, "unsupported", "cannot be compiled"),
        ('SecRule ARGS "@rx (?<=a)b" "id:7"', 1, 7, "unsupported", "look-around"),
        ('SecRule NOPE "@rx a" "id:7"', 1, 7, "unsupported", "variable NOPE"),
        ('SecRule IP:x "@eq 1" "id:7"', 1, 7, "unsupported", "limits.yaml"),
        ('SecRule ARGS "@rx a" "id:7,phase:4"', 1, 7, "unsupported", "phase 4"),
        ('SecRule ARGS "@geoLookup" "id:7"', 1, 7, "unsupported", "geoLookup"),
        ('SecRule ARGS "@rx a" "id:7,t:rot13"', 1, 7, "unsupported", "rot13"),
        ('SecRule ARGS "@rx a" "id:7,exec:/bin/x"', 1, 7, "unsupported", "exec"),
        ('SecRule ARGS "@rx a" "id:7,chain"', 1, 7, "mistake", "chain has no end"),
        ('SecRule ARGS "@rx a', 1, 0, "mistake", "never closed"),
        ("SecRuleScript x.lua", 1, 0, "unsupported", "SecRuleScript"),
        ("SecDebugLog /x", 1, 0, "without effect", "setting of a server"),
        ("Include nowhere.conf", 1, 0, "mistake", "no file"),
        ('SecAction "id:7,initcol:ip=1"', 1, 7, "without effect", "initcol"),
    ],
)
def test_what_is_wrong_is_said_with_line_rule_and_cause(
    tmp_path: Path, text: str, line: int, rule: int, kind: str, words: str
) -> None:
    remarks = read(tmp_path, text).remarks
    assert [(r.place.line, r.rule_id, r.kind) for r in remarks] == [(line, rule, kind)]
    assert words in remarks[0].cause


def test_two_rules_of_one_id_are_a_mistake(tmp_path: Path) -> None:
    text = 'SecAction "id:7"\nSecAction "id:7"'
    assert [str(remark.place.line) for remark in read(tmp_path, text).mistakes] == ["2"]


def test_a_chain_is_one_rule_of_several_conditions(tmp_path: Path) -> None:
    text = 'SecRule ARGS "@rx a" "id:7,t:lowercase,chain"\n  SecRule TX:0 "!@eq 1" "t:none"'
    [rule] = read(tmp_path, text).rules.rules
    assert [condition.negated for condition in rule.conditions] == [False, True]
    assert rule.conditions[0].transforms == ("lowercase",)


def test_rules_can_be_taken_out_and_told_not_to_look(tmp_path: Path) -> None:
    text = (
        'SecRule ARGS "@rx a" "id:7"\nSecRule ARGS "@rx b" "id:8"\n'
        'SecRuleRemoveById 8\nSecRuleUpdateTargetById 7 "!ARGS:/^x/"'
    )
    [rule] = read(tmp_path, text).rules.rules
    assert rule.conditions[0].excluded[0].takes("x1")
