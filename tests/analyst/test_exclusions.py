"""Exclusions are proposed as narrowly as the hits permit, and come as a diff that applies."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from riskengine.analyst.exclusion_diff import as_diff, with_exclusions
from riskengine.analyst.exclusions import (
    PATHS_MAX,
    SignatureHit,
    common_pattern,
    propose,
    read_hit,
)
from riskengine.normalize import normalize_path
from riskengine.ruleset.path_patterns import PathPatterns, check_path_pattern


def hit(
    path: str = "/search", rule: int = 942100, parameter: str = "ARGS:q", client: str = "a"
) -> SignatureHit:
    return SignatureHit(rule, parameter, path, client, "'union select'")


def test_logged_detail_is_read_back() -> None:
    read = read_hit("942100 at ARGS:q: 'a (b): c' (5 points)", "/x", "192.0.2.1")
    assert read == SignatureHit(942100, "ARGS:q", "/x", "192.0.2.1", "'a (b): c'")


@pytest.mark.parametrize("detail", ["", "nonsense", "942100 at ARGS:q", "x at y: z (5 points)"])
def test_other_text_is_no_signature_hit(detail: str) -> None:
    assert read_hit(detail, "/x", "192.0.2.1") is None


def test_each_rule_parameter_and_path_is_excluded_on_its_own() -> None:
    hits = [hit(), hit(client="b"), hit("/Search/"), hit("/other"), hit(parameter="ARGS:p")]
    found = [(one.rule, one.parameter, one.path, one.hits, one.clients) for one in propose(hits)]
    assert found == [
        (942100, "ARGS:q", "/search", 3, 2),
        (942100, "ARGS:p", "/search", 1, 1),
        (942100, "ARGS:q", "/other", 1, 1),
    ]


def test_many_paths_share_one_pattern_and_few_do_not() -> None:
    few = [hit(f"/products/{n}/reviews") for n in range(PATHS_MAX)]
    assert len(propose(few)) == PATHS_MAX
    many = [*few, hit("/products/x/reviews")]
    assert [one.path for one in propose(many)] == ["/products/*/reviews"]


def test_what_hit_seldom_is_left_alone() -> None:
    assert propose([hit(), hit("/other"), hit("/other")], least=2)[0].path == "/other"
    assert len(propose([hit(), hit("/other"), hit("/other")], least=2)) == 1


SEGMENTS = st.text(alphabet="abz1.-{}*%; ü", min_size=1, max_size=4)
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(paths=st.lists(PATHS, min_size=1, max_size=8))
def test_every_hit_is_on_a_path_that_a_proposal_matches(paths: list[str]) -> None:
    proposals = propose(hit(path) for path in paths)
    patterns = PathPatterns([check_path_pattern(one.path) for one in proposals])
    assert all(patterns.find(normalize_path(path).key) for path in paths)
    assert sum(one.hits for one in proposals) == len(paths)


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (["/a/1", "/a/2"], "/a/*"),
        (["/a/1/c", "/a/2/c"], "/a/*/c"),
        (["/a", "/a/b", "/a/b/c"], "/a/**"),
        (["/a", "/b/c"], "/**"),
    ],
)
def test_common_pattern_keeps_what_the_paths_share(paths: list[str], pattern: str) -> None:
    assert common_pattern(paths) == pattern


FILES = {
    "no exclusions yet": "crs: /usr/share/crs  # ours\n",
    "an empty list": "exclusions: []\nmode: enforce\n",
    "some already": "exclusions:\n  - rule: 1\n    path: /a  # why\n\n# behind\nmode: enforce\n",
    "no newline at the end": "mode: enforce\nexclusions:\n  - rule: 1",
}


@pytest.mark.parametrize("name", FILES)
def test_diff_adds_the_exclusions_and_touches_nothing_else(name: str, tmp_path: Path) -> None:
    before = FILES[name]
    proposals = propose([hit(), hit(parameter='ARGS:a"b')])
    after = with_exclusions(before, proposals)
    old, new = YAML(typ="safe").load(before), YAML(typ="safe").load(after)
    kept, added = old.get("exclusions") or [], new.pop("exclusions")
    assert added[: len(kept)] == kept
    assert [(one["rule"], one["parameter"], one["path"]) for one in added[len(kept) :]] == [
        (one.rule, one.parameter, one.path) for one in proposals
    ]
    old.pop("exclusions", None)
    assert new == old


def test_diff_applies_with_patch(tmp_path: Path) -> None:
    before = FILES["some already"]
    after = with_exclusions(before, propose([hit()]))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "signatures.yaml").write_text(before)
    diff = as_diff("rules/signatures.yaml", before, after)
    subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=tmp_path, check=True)
    assert (tmp_path / "rules" / "signatures.yaml").read_text() == after
