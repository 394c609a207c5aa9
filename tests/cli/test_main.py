import re
import subprocess
import sys
from pathlib import Path

import pytest

from riskengine.analyst.check import GOOD_STOPPED, OK, RULES_DO_NOT_LOAD, TEST_FAILED
from riskengine.cli.main import BAD_ARGUMENTS, BAD_RULES, COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
SERVICE_DIED = 1


def riskengine(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "riskengine.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_in_the_documentation(command: str) -> None:
    assert re.search(rf"^\| `riskengine {command}[ `]", PAGE, re.MULTILINE)


def test_documented_commands_and_exit_codes_are_the_real_ones() -> None:
    named = re.findall(r"^\| `riskengine ([a-z-]+)", PAGE, re.MULTILINE)
    assert list(dict.fromkeys(named)) == list(COMMANDS)
    codes = [int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)]
    assert codes == [OK, SERVICE_DIED, BAD_ARGUMENTS, BAD_RULES, TEST_FAILED, GOOD_STOPPED]
    assert RULES_DO_NOT_LOAD == BAD_RULES


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--version"], 0, ""),
        (["no-such-command"], 2, "No such command"),
        (["serve", "--workers", "0"], 2, "--workers must be a whole number from 1 to 256"),
        (["replay", "/nowhere.log"], 2, "/nowhere.log"),
        (["check", "--rules", "/nowhere"], 2, "--rules"),
    ],
)
def test_ends_with_the_documented_code_and_no_stack_trace(
    arguments: list[str], code: int, words: str
) -> None:
    ended = riskengine(*arguments)
    assert ended.returncode == code, ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_command_whose_library_is_missing_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['sklearn'] = None\n"
        "sys.argv = ['riskengine', 'train', '--name', 'x']\n"
        "from riskengine.cli.main import main; main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (
        2,
        "riskengine: `riskengine train` needs sklearn: pip install 'riskengine[train]'\n",
    )
