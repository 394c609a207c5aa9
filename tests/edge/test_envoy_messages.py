"""What a real Envoy with the documented configuration sends is what we think it sends."""

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from riskengine.decision import Decision
from riskengine.demo.envoy_process import running_envoy
from riskengine.demo.shop import running_shop
from riskengine.edge.check_request import CheckReader
from riskengine.edge.check_response import encode_check_response
from riskengine.edge.ext_authz import SERVICE
from riskengine.edge.grpc_server import GrpcServer
from riskengine.edge.health import Health
from riskengine.edge.method_table import Call, MethodTable
from riskengine.request import Request
from riskengine.settings import Settings

CONFIG = Path("deploy/envoy/envoy.yaml")
BODY_MAX = 16_384
BALANCER = Settings(trusted_peers=("127.0.0.0/8",))

pytestmark = pytest.mark.slow


class Listener:
    """Allows everything, and remembers what it was asked about."""

    def __init__(self, settings: Settings) -> None:
        self.heard: list[Request] = []
        self.port = 0
        """Envoy's."""
        self._reader = CheckReader(settings)

    async def check(self, message: bytes, call: Call) -> bytes:
        request = self._reader.read(message)
        assert isinstance(request, Request), request
        self.heard.append(request)
        return encode_check_response(Decision(decision_id="d-1"))

    async def hear(self, raw: bytes) -> Request:
        """What we are asked when a client sends exactly these bytes."""
        await asyncio.to_thread(_exchange, self.port, raw)
        return self.heard[-1]


def _exchange(port: int, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.9", 0)) as connection:
        connection.sendall(raw)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status in (200, 404), response.read()


@asynccontextmanager
async def listening(
    config: Path = CONFIG, settings: Settings | None = None
) -> AsyncIterator[Listener]:
    listener = Listener(settings or Settings())
    health = Health()
    table = MethodTable(unary={f"/{SERVICE}/Check": listener.check}) | health.methods()
    server = GrpcServer(table, Settings(listen="127.0.0.1:0"))
    engine_port = await server.start()
    health.set_all(True)
    with running_shop() as shop:
        async with running_envoy(
            config, engine_port=engine_port, shop_port=shop.server_port
        ) as envoy:
            listener.port = envoy.port
            yield listener
    health.close()
    await server.drain(0)


def behind_a_balancer(place: Path) -> Path:
    """The documented configuration, told that one proxy stands in front."""
    config: dict[str, Any] = YAML(typ="safe").load(CONFIG)
    chain = config["static_resources"]["listeners"][0]["filter_chains"][0]
    chain["filters"][0]["typed_config"]["xff_num_trusted_hops"] = 1
    path = place / "envoy.yaml"
    path.write_text(json.dumps(config))
    return path


async def test_request_arrives_as_the_client_has_written_it() -> None:
    async with listening() as listener:
        request = await listener.hear(
            b"GET /caf%e9/..%2fa//b?q=%00&r=%FF HTTP/1.1\r\n"
            b"Host: shop.example\r\n"
            b"X-Zeta: 1\r\nAccept: */*\r\nX-Alpha: caf\xe9\r\nX-Zeta: 2\r\n\r\n"
        )
        assert (request.path, request.query) == ("/caf%e9/..%2fa//b", "q=%00&r=%FF")
        assert (request.host, request.scheme) == ("shop.example", "http")
        assert (request.method, request.http_version) == ("GET", "1.1")
        assert request.namespace == "default"
        assert request.received_at is not None
        own = [pair for pair in request.headers if pair[0] in ("x-zeta", "accept", "x-alpha")]
        assert own == [("x-zeta", "1"), ("accept", "*/*"), ("x-alpha", "café"), ("x-zeta", "2")]
        assert not [name for name, _ in request.headers if name.startswith(":")]
        assert request.tls_fingerprint == ""


@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
@pytest.mark.parametrize("size", [0, 5, BODY_MAX, BODY_MAX + 1, 100_000])
async def test_body_is_cut_and_said_to_be(size: int, chunked: bool) -> None:
    body = b"x" * size
    if chunked:
        told = b"transfer-encoding: chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if size else b"0\r\n\r\n"
    else:
        told = b"content-length: %d" % size
    async with listening() as listener:
        request = await listener.hear(
            b"POST /checkout HTTP/1.1\r\nHost: shop.example\r\n%b\r\n\r\n%b" % (told, body)
        )
    assert request.body == b"x" * min(size, BODY_MAX)
    if size <= BODY_MAX or not chunked:
        assert request.body_size == size
    else:
        assert request.body_size > len(request.body)


async def test_headers_that_only_envoy_may_write_are_never_the_clients() -> None:
    async with listening(settings=BALANCER) as listener:
        request = await listener.hear(
            b"GET / HTTP/1.1\r\nHost: shop.example\r\n"
            b"x-client-ip: 203.0.113.1\r\nx-client-ip: 203.0.113.2\r\nx-ja4: invented\r\n"
            b"x-envoy-auth-partial-body: true\r\n\r\n"
        )
    assert request.address.text == "127.0.0.9"
    assert [value for name, value in request.headers if name == "x-client-ip"] == ["127.0.0.9"]
    assert request.tls_fingerprint == ""


async def test_client_behind_a_balancer_is_whom_envoy_finds(tmp_path: Path) -> None:
    asked = (
        b"GET / HTTP/1.1\r\nHost: shop.example\r\n"
        b"x-forwarded-for: 127.0.0.1, 203.0.113.7\r\nx-client-ip: 203.0.113.1\r\n\r\n"
    )
    config = behind_a_balancer(tmp_path)
    async with listening(config, BALANCER) as listener:
        assert (await listener.hear(asked)).address.text == "203.0.113.7"
    async with listening(config) as listener:
        assert (await listener.hear(asked)).address.text == "127.0.0.9"
