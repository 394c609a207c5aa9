"""`riskengine simulate` as a command: files, pipes, and mistakes in one line each."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from riskengine.analyst.simulate import simulate
from riskengine.records.lines import RequestLine


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "riskengine.cli.main", "simulate", "--seed", "1", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_writes_what_the_library_gives(tmp_path: Path) -> None:
    out = tmp_path / "traffic.jsonl"
    result = _run("--minutes", "1", "--out", str(out))
    assert result.returncode == 0
    written = [
        msgspec.json.decode(line, type=RequestLine) for line in out.read_bytes().splitlines()
    ]
    assert written == list(simulate(1, minutes=1))
    assert result.stdout.startswith(f"{len(written)} lines written to {out}: ")


def test_no_progress_in_a_pipe(tmp_path: Path) -> None:
    assert _run("--minutes", "1", "--out", str(tmp_path / "x")).stderr == ""


def test_summary_for_programs(tmp_path: Path) -> None:
    out = str(tmp_path / "x")
    words = ("--minutes", "3", "--mix", "monitor=1", "--json")
    assert json.loads(_run(*words, "--out", out).stdout) == {
        "out": out,
        "lines": 24 * 6,
        "kinds": {"monitor": 24 * 6},
    }


def test_standard_output_carries_nothing_but_lines() -> None:
    result = _run("--minutes", "1", "--out", "-")
    lines = [msgspec.json.decode(line, type=RequestLine) for line in result.stdout.splitlines()]
    assert f"{len(lines)} lines written" in result.stderr


def test_start_and_mix_are_obeyed(tmp_path: Path) -> None:
    out = tmp_path / "x"
    start = "2027-01-01T00:00:00Z"
    _run("--minutes", "1", "--start", start, "--mix", "crawler=2", "--out", str(out))
    lines = [msgspec.json.decode(line, type=RequestLine) for line in out.read_bytes().splitlines()]
    assert {line.label.kind for line in lines if line.label} == {"crawler"}
    assert all(line.received_at.isoformat().startswith("2027-01-01T00:00") for line in lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--minutes", "-3"], "minutes must be above 0 and at most 100000, got -3"),
        (["--scale", "0"], "scale must be above 0 and at most 100000, got 0"),
        (["--mix", "shopper"], "--mix must be kind=share, such as shopper=0.9, got 'shopper'"),
        (["--mix", "shopper=x"], "--mix must be kind=share, such as shopper=0.9, got 'shopper=x'"),
        (["--mix", "shopper=nan"], "the share of shopper must be a number above 0, got nan"),
        (
            ["--mix", "monitor=1", "--mix", "monitor=2"],
            "--mix monitor=2: monitor has a share already",
        ),
        (
            ["--start", "tomorrow"],
            "--start must be a time such as 2026-03-01T10:00:00+00:00, got 'tomorrow'",
        ),
        (
            ["--start", "2026-03-01"],
            "start must have a time zone, such as 2026-03-01T00:00:00Z",
        ),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_2(
    words: list[str], message: str, tmp_path: Path
) -> None:
    result = _run(*words, "--out", str(tmp_path / "x"))
    assert result.returncode == 2
    assert result.stderr == f"riskengine: {message}\n"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("/dev/full", "No space left on device"),
        ("{}/no/such/place", "No such file or directory"),
        ("{}", "Is a directory"),
    ],
)
def test_file_that_cannot_be_written_is_named(out: str, problem: str, tmp_path: Path) -> None:
    out = out.format(tmp_path)
    result = _run("--out", out)
    assert result.returncode == 2
    assert result.stderr == f"riskengine: --out {out}: cannot be written: {problem}\n"
