"""nginx with its ModSecurity module on loopback: what the rules cost as they are deployed today."""

import contextlib
import http.client
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.modsecurity import ENGINE
from benchmarks.nginx import Nginx, nginx
from benchmarks.processes import cpu_seconds
from riskengine.request import Request

MODULE = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
PACKAGE = "libnginx-mod-http-modsecurity"
_SERVER = """
    root {folder};
    location / {{ try_files /answer.txt =404; error_page 405 =200 /answer.txt; }}
"""


@contextlib.contextmanager
def guarded(files: Sequence[Path] | None, folder: Path) -> Iterator[Nginx]:
    """nginx that answers from a file; without the module where `files` is None."""
    rules = folder / "modsecurity.conf"
    rules.write_text(ENGINE + "".join(f"Include {file}\n" for file in files or ()))
    (folder / "answer.txt").write_text("hello")
    on = f"modsecurity on; modsecurity_rules_file {rules};" if files else ""
    http = f"access_log off; client_max_body_size 16m; {on}"
    main = f"user root; load_module {MODULE};" if files else "user root;"
    with nginx(folder, _SERVER.format(folder=folder), http=http, main=main) as running:
        yield running


def cost_us(proxy: Nginx, requests: Sequence[Request]) -> tuple[float, Counter[int]]:
    """CPU microseconds of the worker for one request, and the statuses that it answered with."""
    before = sum(map(cpu_seconds, proxy.workers))
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    statuses = Counter(_asked(connection, request) for request in requests)
    connection.close()
    return (sum(map(cpu_seconds, proxy.workers)) - before) / len(requests) * 1e6, statuses


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
