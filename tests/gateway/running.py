"""A whole gateway in the test's own process: real sockets, a real engine, rules of a few lines."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from riskengine.clock import SystemClock
from riskengine.gateway.config import load_config
from riskengine.gateway.running import serving
from tests.gateway.backends import Backend

_RULES = {
    "addresses.yaml": """
        blocklists:
          - {id: blocked, description: one address, networks: [203.0.113.66]}
        """,
    "parameters.yaml": """
        checks:
          - id: secrets
            description: files nobody should ask for
            check: forbidden_paths
            paths: [/**/.env]
        """,
    "limits.yaml": """
        limits:
          - id: catalogue
            description: pages an address may turn
            match: {paths: [/products/*]}
            key: [ip]
            limit: 30
            window: 1h
            algorithm: strict
        """,
}


class Running(NamedTuple):
    """A gateway that serves, and a client of it."""

    session: aiohttp.ClientSession
    address: str
    directory: Path
    backends: tuple[Backend, ...]

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def visits(self) -> list[dict[str, Any]]:
        """The access log so far; whole once the gateway has ended."""
        text = (self.directory / "access.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


def write_rules(directory: Path) -> Path:
    """The directory of the rules."""
    rules = directory / "rules"
    rules.mkdir(exist_ok=True)
    for name, text in _RULES.items():
        (rules / name).write_text(text)
    return rules


def config_for(*backends: Backend, **changed: Any) -> dict[str, Any]:
    """A configuration; `changed` replaces keys at the top, `service` adds to the one service."""
    service = changed.pop("service", {})
    endpoints = [{"address": backend.address} for backend in backends]
    return {
        "listen": "127.0.0.1:0",
        "access_log": "access.jsonl",
        "drain": "2s",
        "engine": {"rules": "rules", "store": "memory", "budget": "1s"},
        "clients": {"trusted_proxies": ["127.0.0.0/8"], "session_cookie": "session"},
        "services": [{"id": "shop", "endpoints": endpoints, **service}],
        **changed,
    }


@asynccontextmanager
async def gateway(directory: Path, *backends: Backend, **changed: Any) -> AsyncIterator[Running]:
    """It serves for as long as the block runs."""
    write_rules(directory)
    path = directory / "gateway.yaml"
    path.write_text(json.dumps(config_for(*backends, **changed)))  # JSON is YAML
    config = load_config(path)
    async with (
        serving(config, directory, clock=SystemClock()) as served,
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        yield Running(session, served.address, directory, backends)


async def raw(port: int, sent: bytes) -> bytes:
    """What comes back for these bytes until the gateway closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()
