"""Rules load as a whole or not at all, and every mistake is told."""

from pathlib import Path

import pytest

from riskengine.errors import RulesetError
from riskengine.ruleset.list_cache import ListCache
from riskengine.ruleset.loader import RULE_FILES, load_ruleset
from riskengine.ruleset.yaml_source import DEPTH_MAX, FILE_BYTES_MAX

BROKEN = Path(__file__).parent / "broken"
DEFAULTS = Path(__file__).parents[2] / "rules"

LIMIT = """limits:
  - id: login-per-address
    description: Guessing passwords.
    key: [ip]
    window: 1m
    limit: 5
"""


def mistakes_of(directory: Path) -> list[str]:
    with pytest.raises(RulesetError) as caught:
        load_ruleset(directory)
    return caught.value.mistakes


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text)
    return directory


@pytest.mark.parametrize("case", sorted(p.name for p in BROKEN.iterdir()))
def test_broken_rules_are_told_exactly(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN / case)
    expected = (BROKEN / case / "expected.txt").read_text().splitlines()
    assert mistakes_of(Path()) == expected


def test_a_file_with_six_different_mistakes_reports_exactly_six() -> None:
    mistakes = mistakes_of(BROKEN / "six-mistakes")
    assert len(mistakes) == 6
    assert len({mistake.partition(": ")[2] for mistake in mistakes}) == 6


def test_mistakes_of_all_files_come_at_once_sorted_by_file_and_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        limits=LIMIT.replace("5", "many").replace("[ip]", "[]"),
        addresses="allowlists:\n  - id: A\n    description: x\n    networks: [1.2.3.4/8]\n",
        parameters="routes: 1\n",
    )
    places = [m.removeprefix(f"{tmp_path}/").split(": ")[0] for m in mistakes_of(tmp_path)]
    assert places == [
        "addresses.yaml:2", "addresses.yaml:4", "limits.yaml:4", "limits.yaml:6",
        "parameters.yaml:1",
    ]  # fmt: skip


def test_messages_carry_the_directory_as_it_was_given() -> None:
    [mistake] = mistakes_of(BROKEN / "wrong-type")
    assert mistake.startswith(f"{BROKEN / 'wrong-type' / 'limits.yaml'}:6: limit must be")


def test_an_unreadable_list_line_is_told_even_when_its_rule_is_broken_too(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("nonsense\n")
    write(tmp_path, addresses="blocklists:\n  - id: a\n    files: [list.txt]\n")
    told = mistakes_of(tmp_path)
    assert [m.removeprefix(f"{tmp_path}/").split(": ")[0] for m in told] == [
        "addresses.yaml:2",
        "list.txt:1",
    ]


def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_bytes(b"limits:\n  # caf\xe9\n")
    assert mistakes_of(tmp_path) == [
        f"{tmp_path}/limits.yaml:2: must be UTF-8 text; byte 0xe9 is not"
    ]


def test_a_file_beyond_a_mebibyte_is_refused_unread(tmp_path: Path) -> None:
    size = FILE_BYTES_MAX + 1
    (tmp_path / "limits.yaml").write_bytes(b"#" * size)
    [mistake] = mistakes_of(tmp_path)
    assert f"must be at most {FILE_BYTES_MAX} bytes long, is {size}" in mistake


@pytest.mark.timeout(5)
@pytest.mark.parametrize("opener", ["[", "{", "[a, ", "- ", "? ", "a: {", "[\n"])
def test_deep_nesting_is_refused_before_it_costs_anything(opener: str, tmp_path: Path) -> None:
    write(tmp_path, limits=opener * 50_000)
    assert len(mistakes_of(tmp_path)) == 1


def test_nesting_up_to_the_limit_is_read(tmp_path: Path) -> None:
    write(tmp_path, limits="x: " + "[" * (DEPTH_MAX - 1) + "]" * (DEPTH_MAX - 1))
    [mistake] = mistakes_of(tmp_path)
    assert 'unknown key "x"' in mistake


def test_words_that_look_like_something_else_stay_words(tmp_path: Path) -> None:
    text = LIMIT.replace("Guessing passwords.", "off") + "    owner: 1:30\n"
    [rule] = load_ruleset(write(tmp_path, limits=text)).limits.limits
    assert (rule.description, rule.owner) == ("off", "1:30")


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    assert "no such directory" in mistakes_of(tmp_path / "gone")[0]


def test_a_directory_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").mkdir()
    assert mistakes_of(tmp_path) == [f"{tmp_path}/limits.yaml:1: cannot be read: Is a directory"]


def test_an_empty_directory_has_no_rules(tmp_path: Path) -> None:
    ruleset = load_ruleset(tmp_path)
    assert list(ruleset.rule_ids()) == []
    assert ruleset.routes.routes == ()


def test_networks_of_lists_are_read_beside_those_written_inline(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("﻿198.51.100.0/24 # ours\n\n; more\n2001:db8::1\n")
    write(
        tmp_path,
        addresses="blocklists:\n"
        "  - {id: a, description: x, networks: [192.0.2.1], files: [list.txt]}\n",
    )
    ruleset = load_ruleset(tmp_path)
    [rule] = ruleset.addresses.blocklists
    assert [str(n) for n in rule.networks] == ["192.0.2.1/32"]
    listed = [str(network) for network, _ in ruleset.list_files["list.txt"]]
    assert listed == ["198.51.100.0/24", "2001:db8::1/128"]


def test_the_revision_is_that_of_the_content_alone(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for directory, names in ((one, ("limits", "parameters")), (other, ("parameters", "limits"))):
        directory.mkdir()
        for name in names:
            write(directory, **{name: LIMIT if name == "limits" else "routes: []\n"})
    assert load_ruleset(one).revision == load_ruleset(other).revision
    write(other, limits=LIMIT.replace("5", "6"))
    assert load_ruleset(one).revision != load_ruleset(other).revision


def test_the_revision_changes_with_a_list(tmp_path: Path) -> None:
    write(tmp_path, addresses="blocklists:\n  - {id: a, description: x, files: [list.txt]}\n")
    (tmp_path / "list.txt").write_text("192.0.2.1\n")
    before = load_ruleset(tmp_path).revision
    (tmp_path / "list.txt").write_text("192.0.2.2\n")
    assert load_ruleset(tmp_path).revision != before


def test_content_that_moves_from_one_file_to_another_changes_the_revision(tmp_path: Path) -> None:
    write(tmp_path, limits="limits: []\n")
    before = load_ruleset(tmp_path).revision
    (tmp_path / "limits.yaml").unlink()
    write(tmp_path, addresses="allowlists: []\n")
    assert load_ruleset(tmp_path).revision != before


def test_the_default_rules_load() -> None:
    ruleset = load_ruleset(DEFAULTS)
    assert set(RULE_FILES) >= {path.name for path in DEFAULTS.glob("*.yaml")}
    assert {"trusted-crawlers", "known-bad", "login-per-address"} <= set(ruleset.rule_ids())
    assert len(ruleset.revision) == 12


def test_lists_that_have_not_changed_are_not_read_anew(tmp_path: Path) -> None:
    write(tmp_path, addresses="blocklists:\n  - {id: a, description: x, files: [list.txt]}\n")
    (tmp_path / "list.txt").write_text("192.0.2.1\n")
    cache = ListCache()
    first, second = (load_ruleset(tmp_path, cache).list_files["list.txt"] for _ in range(2))
    assert first is second
    (tmp_path / "list.txt").write_text("192.0.2.2\n")
    third = load_ruleset(tmp_path, cache).list_files["list.txt"]
    assert [str(network) for network, _ in third] == ["192.0.2.2/32"]
