"""nginx with its ModSecurity module on loopback: what the rules cost as they are deployed today."""

import contextlib
import http.client
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.gateway import Proxy, free_port, wait_for
from benchmarks.modsecurity import ENGINE
from benchmarks.processes import children, cpu_seconds
from riskengine.request import Request

MODULE = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
PACKAGE = "libnginx-mod-http-modsecurity"
_CONFIG = """
user root;
{load}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    keepalive_requests 1000000;
    client_max_body_size 16m;
    {modsecurity}
    server {{
        listen 127.0.0.1:{port};
        root {folder};
        location / {{ try_files /answer.txt =404; error_page 405 =200 /answer.txt; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(files: Sequence[Path] | None, folder: Path) -> Iterator[Proxy]:
    """nginx with one worker that answers from a file; without the module where `files` is None."""
    port, rules, config = free_port(), folder / "modsecurity.conf", folder / "nginx.conf"
    rules.write_text(ENGINE + "".join(f"Include {file}\n" for file in files or ()))
    (folder / "answer.txt").write_text("hello")
    on = f"modsecurity on; modsecurity_rules_file {rules};" if files else ""
    load = f"load_module {MODULE};" if files else ""
    config.write_text(_CONFIG.format(folder=folder, port=port, load=load, modsecurity=on))
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([binary, "-c", config], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        while not (workers := children(process.pid)):  # it listens before it has any
            time.sleep(0.01)
        yield Proxy(port, tuple(workers))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def cost_us(proxy: Proxy, requests: Sequence[Request]) -> tuple[float, Counter[int]]:
    """CPU microseconds of the worker for one request, and the statuses that it answered with."""
    before = sum(map(cpu_seconds, proxy.pids))
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    statuses = Counter(_asked(connection, request) for request in requests)
    connection.close()
    return (sum(map(cpu_seconds, proxy.pids)) - before) / len(requests) * 1e6, statuses


def _asked(connection: http.client.HTTPConnection, request: Request) -> int:
    target = f"{request.path}?{request.query}" if request.query else request.path
    connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers:
        if name not in ("connection", "content-length", "transfer-encoding", "expect"):
            connection.putheader(name, value.encode("utf-8", "replace"))
    connection.putheader("content-length", str(len(request.body)))
    connection.endheaders(request.body or None)
    answer = connection.getresponse()
    answer.read()
    return answer.status
