"""nginx on loopback with one worker, for benchmarks that stand beside it."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import children

_CONFIG = """
{main}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    keepalive_requests 1000000;
    {http}
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""


class Nginx(NamedTuple):
    """A running one."""

    port: int
    master: int
    """The process that starts the workers."""
    workers: tuple[int, ...]


@contextmanager
def nginx(folder: Path, server: str, *, http: str = "", main: str = "") -> Iterator[Nginx]:
    """nginx with these directives in each part of its configuration; it keeps files in `folder`."""
    port = _free_port()
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, main=main, http=http, server=server))
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([binary, "-c", config], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        while not (workers := children(process.pid)):  # it listens before it has any
            time.sleep(0.01)
        yield Nginx(port, process.pid, tuple(workers))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    """Until somebody listens; ConnectionRefusedError after five seconds."""
    deadline = time.monotonic() + 5
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
