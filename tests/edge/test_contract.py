import subprocess
import sys
from pathlib import Path

import pytest

from riskengine.edge.native_methods import native_methods
from tests.edge.contract import current, promised
from tests.edge.small_service import SmallEngine

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", promised())
def test_nothing_promised_is_removed_renumbered_or_retyped(name: str) -> None:
    assert current().get(name) == promised()[name]


def test_everything_in_the_contract_is_promised() -> None:
    missing = current().keys() - promised().keys()
    assert not missing, "run `python -m tests.edge.contract` and commit contract.json"


def test_every_method_of_the_contract_is_served(tmp_path: Path) -> None:
    table = native_methods(SmallEngine(tmp_path))
    served = {name[1:].replace("/", ".") for name in (*table.unary, *table.streams)}
    assert served == {name for name, fact in current().items() if "->" in fact}


@pytest.mark.slow
def test_generated_code_is_current(tmp_path: Path) -> None:
    """The same command in a copy gives the same bytes."""
    subprocess.run(["cp", "-r", ROOT / "proto", tmp_path / "proto"], check=True)
    subprocess.run([tmp_path / "proto" / "generate.sh", sys.executable], check=True)
    generated = sorted(tmp_path.rglob("*_pb2*"))
    assert generated
    for path in generated:
        assert path.read_bytes() == (ROOT / path.relative_to(tmp_path)).read_bytes(), path.name
