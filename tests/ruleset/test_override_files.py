from pathlib import Path

import pytest

from riskengine.clock import ManualClock, SystemClock
from riskengine.engine import Engine
from riskengine.errors import RulesetError
from riskengine.request import make_request
from riskengine.ruleset.loader import load_ruleset

RULES = """limits:
  - id: per-user
    description: x
    key: [user]
    limit: 10
    window: 1m
    overrides: {file}
"""


def directory(tmp_path: Path, overrides: str | None, name: str = "partners.txt") -> Path:
    (tmp_path / "limits.yaml").write_text(RULES.format(file=name))
    if overrides is not None:
        (tmp_path / "partners.txt").write_text(overrides)
    return tmp_path


def test_values_and_limits_are_read_and_comments_left_out(tmp_path: Path) -> None:
    text = "# partners\nacme 5000\n\n  globex\t20000   # since May\n"
    rules = load_ruleset(directory(tmp_path, text))
    assert rules.overrides == {"per-user": {"acme": 5000, "globex": 20000}}


def test_the_revision_changes_with_an_override(tmp_path: Path) -> None:
    first = load_ruleset(directory(tmp_path, "acme 5000\n")).revision
    assert load_ruleset(directory(tmp_path, "acme 5001\n")).revision != first


def test_all_mistakes_are_told_with_file_and_line(tmp_path: Path) -> None:
    text = "acme 5000\nacme 6000\nglobex many\nlone\nbig 1000000001\nzero 0\n"
    with pytest.raises(RulesetError) as raised:
        load_ruleset(directory(tmp_path, text))
    lines = [line.removeprefix(f"{tmp_path}/") for line in raised.value.mistakes]
    right = "must be a value of the key and a limit from 1 to 1000000000"
    assert lines == [
        'partners.txt:2: "acme" has a limit already; keep one',
        f'partners.txt:3: {right}, got "globex many"',
        f'partners.txt:4: {right}, got "lone"',
        f'partners.txt:5: {right}, got "big"',
        f'partners.txt:6: {right}, got "zero 0"',
    ]


def test_of_a_file_of_another_kind_twenty_lines_are_told(tmp_path: Path) -> None:
    with pytest.raises(RulesetError) as raised:
        load_ruleset(directory(tmp_path, "<html>\n" * 500))
    assert len(raised.value.mistakes) == 21
    assert raised.value.mistakes[-1].endswith("and 480 more unreadable lines from here")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.txt", "overrides must name files that exist"),
        ("../../etc/passwd", "overrides must name files below the rules directory"),
    ],
)
def test_a_file_that_is_not_there_is_blamed_where_it_is_named(
    tmp_path: Path, name: str, words: str
) -> None:
    with pytest.raises(RulesetError, match=f"limits.yaml:7: {words}"):
        load_ruleset(directory(tmp_path, None, name))


async def test_an_engine_of_these_rules_lets_the_partner_do_more(tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text(RULES.format(file="partners.txt").replace("10", "1"))
    (tmp_path / "partners.txt").write_text("acme 3\n")
    engine = Engine(load_ruleset(tmp_path), clock=ManualClock())
    verdicts = []
    for user in ["acme"] * 4 + ["other"] * 2:
        request = make_request(client_ip="203.0.113.7", method="GET", path="/", user_id=user)
        [decision] = await engine.evaluate([request])
        verdicts.append(decision.verdict.word)
    assert verdicts == ["allow"] * 3 + ["throttle", "allow", "throttle"]


@pytest.mark.slow
def test_a_hundred_thousand_entries_load_in_a_moment(tmp_path: Path) -> None:
    text = "".join(f"partner-{n} {n + 1}\n" for n in range(100_000))
    started = SystemClock().monotonic()
    rules = load_ruleset(directory(tmp_path, text))
    assert SystemClock().monotonic() - started < 5
    assert rules.overrides["per-user"]["partner-99999"] == 100_000
