"""The files that signatures are made of: their order, what they do to the revision, the watch."""

from pathlib import Path

import pytest

from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.signature_files import files_of

RULES = """sets:
  - {{id: crs, description: The CRS and ours., crs: {crs}, directory: own, without_crs: small}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A rules directory beside an installed CRS."""
    for name in ("crs/rules", "rules/own", "rules/small"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "crs" / "crs-setup.conf").write_text("# set-up\n")
    for name in ("REQUEST-942-SQLI.conf", "REQUEST-901-INITIALIZATION.conf", "RESPONSE-950.conf"):
        (tmp_path / "crs" / "rules" / name).write_text("# rules\n")
    (tmp_path / "crs" / "rules" / "words.data").write_text("one\n")
    (tmp_path / "rules" / "own" / "own.conf").write_text("# ours\n")
    (tmp_path / "rules" / "small" / "small.conf").write_text("# small\n")
    (tmp_path / "rules" / "signatures.yaml").write_text(RULES.format(crs=tmp_path / "crs"))
    return tmp_path


def test_own_rules_stand_between_initialisation_and_the_rest_of_the_crs(place: Path) -> None:
    ruleset = load_ruleset(place / "rules")
    assert [path.name for path in files_of(ruleset.signatures.sets[0], ruleset.directory)] == [
        "crs-setup.conf", "REQUEST-901-INITIALIZATION.conf", "own.conf", "REQUEST-942-SQLI.conf",
    ]  # fmt: skip


def test_exclusions_that_stand_in_the_crs_are_read_first_and_last(place: Path) -> None:
    names = ("REQUEST-900-EXCLUSION-RULES-BEFORE-CRS", "RESPONSE-999-EXCLUSION-RULES-AFTER-CRS")
    for name in names:
        (place / "crs" / "rules" / f"{name}.conf").write_text("# ours\n")
    ruleset = load_ruleset(place / "rules")
    read = [path.stem for path in files_of(ruleset.signatures.sets[0], ruleset.directory)]
    assert (read[1], read[-1]) == names
    assert len(read) == len(set(read))


def test_exclusions_that_stand_beside_the_setup_are_read_too(place: Path) -> None:
    names = ("REQUEST-900-EXCLUSION-RULES-BEFORE-CRS", "RESPONSE-999-EXCLUSION-RULES-AFTER-CRS")
    etc = place / "etc"
    etc.mkdir()
    for name in ("crs-setup", *names):
        (etc / f"{name}.conf").write_text("# ours\n")
    (place / "rules" / "signatures.yaml").write_text(
        f"sets:\n  - {{id: crs, description: C., crs: {place}/crs, setup: {etc}/crs-setup.conf}}\n"
    )
    ruleset = load_ruleset(place / "rules")
    read = files_of(ruleset.signatures.sets[0], ruleset.directory)
    assert read[:2] == [etc / "crs-setup.conf", etc / f"{names[0]}.conf"]
    assert read[-1] == etc / f"{names[1]}.conf"


def test_the_setup_beside_the_rules_is_read_and_its_example_where_there_is_none(
    place: Path,
) -> None:
    (place / "crs" / "crs-setup.conf").rename(place / "crs" / "crs-setup.conf.example")
    ruleset = load_ruleset(place / "rules")
    [first, *_] = files_of(ruleset.signatures.sets[0], ruleset.directory)
    assert first == place / "crs" / "crs-setup.conf.example"


@pytest.mark.parametrize(
    "changed",
    [
        "crs/rules/REQUEST-942-SQLI.conf", "crs/rules/words.data", "crs/crs-setup.conf",
        "rules/own/own.conf",
    ],
)  # fmt: skip
def test_the_revision_changes_with_every_file_of_a_set(place: Path, changed: str) -> None:
    before = load_ruleset(place / "rules").revision
    (place / changed).write_text("# other\n")
    assert load_ruleset(place / "rules").revision != before


@pytest.mark.parametrize("changed", ["crs/rules/RESPONSE-950.conf", "rules/small/small.conf"])
def test_the_revision_does_not_change_with_files_that_are_not_read(
    place: Path, changed: str
) -> None:
    before = load_ruleset(place / "rules").revision
    (place / changed).write_text("# other\n")
    assert load_ruleset(place / "rules").revision == before


def test_directories_of_the_crs_are_watched_beside_that_of_the_rules(place: Path) -> None:
    assert load_ruleset(place / "rules").outside() == [place / "crs", place / "crs" / "rules"]


def test_where_no_crs_is_installed_nothing_outside_is_watched(place: Path) -> None:
    (place / "crs" / "rules").rename(place / "away")
    assert load_ruleset(place / "rules").outside() == []


@pytest.fixture
def included(place: Path) -> Path:
    """A directory apart, from which the set's own rules include files."""
    (place / "apart" / "deeper").mkdir(parents=True)
    (place / "apart" / "first.conf").write_text("Include deeper/*.conf\n")
    (place / "apart" / "deeper" / "second.conf").write_text("# second\n")
    (place / "apart" / "deeper" / "words.data").write_text("one\n")
    (place / "rules" / "own" / "own.conf").write_text(f"Include {place}/apart/first.conf\n")
    return place / "apart"


@pytest.mark.parametrize("changed", ["first.conf", "deeper/second.conf", "deeper/words.data"])
def test_the_revision_changes_with_every_file_that_is_included(
    place: Path, included: Path, changed: str
) -> None:
    before = load_ruleset(place / "rules").revision
    (included / changed).write_text("Include deeper/*.conf\n# other\n")
    assert load_ruleset(place / "rules").revision != before


def test_directories_that_are_included_from_are_watched(place: Path, included: Path) -> None:
    assert load_ruleset(place / "rules").outside() == [
        included, included / "deeper", place / "crs", place / "crs" / "rules",
    ]  # fmt: skip


def test_a_directory_from_which_nothing_is_included_yet_is_watched_too(
    place: Path, included: Path
) -> None:
    (included / "deeper" / "second.conf").unlink()
    assert included / "deeper" in load_ruleset(place / "rules").outside()
    (included / "deeper" / "words.data").unlink()
    (included / "deeper").rmdir()
    assert included / "deeper" not in load_ruleset(place / "rules").outside()
