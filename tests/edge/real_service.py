"""The service as users run it, `riskengine serve`, with small rules of its own."""

import sys
from collections.abc import Callable
from pathlib import Path

from riskengine.v1 import riskengine_pb2 as pb
from tests.edge.service_process import ServiceProcess, children_of

HERE, PASSES, STOPS, SALE = "/here", "/passes", "/stops", "/sale"
"""Paths whose limits count in the process, are open, or closed, while the store is away."""

LIMITS = """
limits:
  - {id: here, description: counted in the process, match: {paths: [/here]}, key: [ip],
     limit: 1000000, window: 1h, on_store_error: local}
  - {id: passes, description: open without the store, match: {paths: [/passes]}, key: [ip],
     limit: 1000000, window: 1h, on_store_error: open}
  - {id: stops, description: closed without the store, match: {paths: [/stops]}, key: [ip],
     limit: 1000000, window: 1h, on_store_error: closed, verdict: deny}
  - {id: sale, description: scarce goods, match: {paths: [/sale]}, key: [namespace],
     limit: 100, window: 1h}
"""


def real_service(directory: Path, *flags: str) -> ServiceProcess:
    """The real command, to be entered; rules and models lie in `directory`."""
    rules = directory / "rules"
    if not rules.exists():
        rules.mkdir()
        (rules / "limits.yaml").write_text(LIMITS)
    command = (sys.executable, "-m", "riskengine.cli.main", "serve", "--listen", "127.0.0.1:0")
    own = ("--rules", str(rules), "--models", str(directory / "models"))
    return ServiceProcess([*own, *flags], command=command)


def store_of(service: ServiceProcess) -> int:
    """Process id of the embedded store."""
    return _child(service, lambda command: "valkey-server" in command)


def worker_of(service: ServiceProcess) -> int:
    """Process id of the worker that was started first."""
    return _child(service, lambda command: "worker_main" in command)


def has_store(service: ServiceProcess, *, but: int) -> bool:
    """Whether a store runs that is not process `but`."""
    return any("valkey-server" in _command_of(pid) for pid in children_of(service.pid) - {but})


def a_request(path: str) -> pb.EvaluateRequest:
    return pb.EvaluateRequest(client_ip="203.0.113.7", method="GET", path=path)


def _child(service: ServiceProcess, wanted: Callable[[str], bool]) -> int:
    return min(pid for pid in children_of(service.pid) if wanted(_command_of(pid)))


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
