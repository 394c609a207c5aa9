"""CPU time of an HTTP/2 call by client, all against one nginx: why the connector is on pyqwest.

Needs nginx (`make deps`). HTTP/2 by prior knowledge on loopback.

    python -m benchmarks.downstream_http2 [--calls N]
"""

import argparse
import asyncio
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.downstream_pool import BODY, IN_FLIGHT, One, cpu_us
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError
from riskengine.downstream.http2 import Http2Connection, Http2Connector

ROUNDS = 5
CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;
events {{}}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/a; fastcgi_temp_path {folder}/b; uwsgi_temp_path {folder}/c;
  scgi_temp_path {folder}/d;
  server {{ listen 127.0.0.1:{port} http2; location / {{ return 200 "hello"; }} }}
}}
"""


@contextmanager
def nginx() -> Iterator[Endpoint]:
    """An nginx that says hello over HTTP/2."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, port=port))
        process = subprocess.Popen([binary, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            yield Endpoint(f"127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(10)


async def connected(endpoint: Endpoint) -> Http2Connection:
    """A connection, as soon as the server is up."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await Http2Connector().connect(endpoint)
            except ConnectError:
                await asyncio.sleep(0.05)


async def compare(endpoint: Endpoint, callers: int, calls: int) -> dict[str, float]:
    """Client -> median CPU microseconds a call."""
    connection = await connected(endpoint)
    async with httpx.AsyncClient(http1=False, http2=True) as other:

        async def by_pyqwest(_: int) -> None:
            assert (await connection.request("GET", "/")).content == BODY

        async def by_httpx(_: int) -> None:
            answer = await other.get(f"http://{endpoint.address}/")
            assert answer.content == BODY
            assert answer.http_version == "HTTP/2"

        compared: dict[str, One] = {"pyqwest": by_pyqwest, "httpx": by_httpx}
        seen: dict[str, list[float]] = {name: [] for name in compared}
        for _ in range(ROUNDS):
            for name, one in compared.items():
                seen[name].append(await cpu_us(one, callers, calls))
    await connection.close()
    return {name: statistics.median(spent) for name, spent in seen.items()}


async def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    options = parser.parse_args()
    with nginx() as endpoint:
        for callers in IN_FLIGHT:
            found = await compare(endpoint, callers, options.calls)
            row = ", ".join(f"{name} {spent:.0f} us" for name, spent in found.items())
            print(f"{callers:3} in flight: {row}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
