import os
import subprocess
import sys
from pathlib import Path

import pytest

from riskengine.settings import described_settings, flag_of
from riskengine.v1 import riskengine_pb2 as pb
from tests.edge.service_process import (
    ServiceProcess,
    channel_to,
    stub_of,
)

SERVE = (sys.executable, "-m", "riskengine.cli.main", "serve")
LIMIT = """
limits:
  - id: per-address
    description: So many an hour.
    key: [ip]
    limit: {limit}
    window: 1h
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    directory = tmp_path / "rules"
    directory.mkdir()
    (directory / "limits.yaml").write_text(LIMIT.format(limit=100))
    return directory


def serving(rules: Path, *arguments: str) -> ServiceProcess:
    return ServiceProcess(
        ["--listen", "127.0.0.1:0", "--rules", str(rules), *arguments], command=SERVE
    )


def serve(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*SERVE, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def a_request(address: str = "203.0.113.7") -> pb.EvaluateRequest:
    return pb.EvaluateRequest(client_ip=address, method="GET", path="/")


async def test_drain_closes_the_decision_log(rules: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving(rules, "--log-dir", str(log)) as service:
        async with channel_to(await service.address()) as channel:
            decision = await stub_of(channel).Evaluate(a_request())
        assert await service.stop() == 0
    [segment] = log.iterdir()
    assert segment.suffix == ".jsonl"
    assert decision.decision_id in segment.read_text()


def test_rules_that_do_not_load_end_with_3_and_every_mistake(rules: Path) -> None:
    (rules / "limits.yaml").write_text(LIMIT.format(limit="many") + "    windows: 1h\n")
    ended = serve("--listen", "127.0.0.1:0", "--rules", str(rules))
    assert ended.returncode == 3
    assert "limits.yaml:6: limit" in ended.stderr
    assert "limits.yaml:8: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not ended.stdout


def test_bad_settings_end_with_2_and_name_flag_or_variable() -> None:
    ended = serve("--workers", "many", RISKENGINE_CLOCK="mine")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "riskengine: --workers must be a whole number from 1 to 256, got 'many'",
        "RISKENGINE_CLOCK must be store or request, got 'mine'",
    ]


def test_help_lists_every_setting() -> None:
    shown = serve("--help", COLUMNS="200", TERM="dumb").stdout
    assert not [field for field in described_settings() if flag_of(field) not in shown]
