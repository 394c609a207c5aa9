"""A scan for few conditions tells of them what the scan for all tells."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.seclang.conditions import Answerable, analyze
from riskengine.seclang.pattern_database import ALPHABETS, compile_database
from riskengine.seclang.reader import read_rules
from riskengine.seclang.scan_groups import ScanGroup, scan_groups
from riskengine.seclang.specialize import specialize

RULES = r"""
SecRule ARGS "@rx (?i)select" "id:1,phase:2,deny,t:lowercase"
SecRule REQUEST_FILENAME "@endsWith .bak" "id:2,phase:1,deny"
SecRule REQUEST_LINE "!@rx ^[a-z]{1,9} /" "id:3,phase:1,deny,t:lowercase"
SecRule ARGS|REQUEST_FILENAME "@rx etc/passwd" "id:4,phase:2,deny,t:normalizePath"
SecRule ARGS "@rx (?:^|;) ?rm " "id:5,phase:2,deny,t:cmdLine"
SecRule ARGS "@rx <script" "id:6,phase:2,deny,t:base64Decode"
SecRule REQUEST_BODY|ARGS "@rx a\?" "id:7,phase:2,deny"
"""
SOME_TEXT = st.lists(
    st.sampled_from(["select", ".bak", "get /", "etc/passwd", ";rm ", "<script", "a", "?", "\n"])
).map(lambda words: "".join(words).encode())


@pytest.fixture(scope="module")
def conditions(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Answerable]:
    file: Path = tmp_path_factory.mktemp("rules") / "rules.conf"
    file.write_text(RULES)
    return analyze(specialize(read_rules([file]).rules, {})).answerable


@pytest.fixture(scope="module")
def groups(conditions: Sequence[Answerable]) -> Sequence[ScanGroup]:
    return scan_groups(conditions, compile_database)


@pytest.mark.parametrize("variable", ["REQUEST_FILENAME", "REQUEST_BODY", "REQUEST_LINE"])
def test_long_values_are_scanned_for_what_looks_at_them(
    conditions: Sequence[Answerable], groups: Sequence[ScanGroup], variable: str
) -> None:
    looking = {
        one.bit
        for one in conditions
        if any(target.variable == variable for target in one.condition.targets)
    }
    smallest = next(group for group in groups if not sum(looking) & ~group.bits)
    assert smallest.bits == sum(looking)


def test_what_paths_and_commands_are_made_into_is_scanned_for_that_alone(
    conditions: Sequence[Answerable], groups: Sequence[ScanGroup]
) -> None:
    rewritten = {
        one.bit for one in conditions if {"normalizepath", "cmdline"} & {*one.condition.transforms}
    }
    smallest = next(group for group in groups if not sum(rewritten) & ~group.bits)
    assert smallest.bits == sum(rewritten)


@given(value=SOME_TEXT)
def test_each_group_finds_what_the_whole_finds_of_its_conditions(
    groups: Sequence[ScanGroup], value: bytes
) -> None:
    *smaller, whole = groups
    found = whole.scanner.bits_in(value, len(ALPHABETS))
    for group in smaller:
        assert group.scanner.bits_in(value, len(ALPHABETS)) == found & group.bits
