"""Two ways to ask an endpoint how it is: HTTP, and the health service of gRPC.

Both open a connection of their own each time: one that is open already says nothing about whether
new ones can be made.
"""

import aiohttp
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError
from riskengine.downstream.health import Check
from riskengine.downstream.http1 import Http1Connector


def http_check(path: str = "/healthz", connector: Http1Connector | None = None) -> Check:
    """Well is whoever answers `GET path` with 2xx; `connector` says whether over TLS."""
    connecting = connector or Http1Connector()

    async def check(endpoint: Endpoint) -> bool:
        try:
            connection = await connecting.connect(endpoint)
        except ConnectError:
            return False
        try:
            async with connection.request("GET", path) as answer:
                return 200 <= answer.status < 300
        except aiohttp.ClientError:
            return False
        finally:
            await connection.close()

    return check


def grpc_check(service: str = "") -> Check:
    """Well is whoever answers SERVING for `service`, the whole server if empty.

    Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
    """

    async def check(endpoint: Endpoint) -> bool:
        async with grpc.aio.insecure_channel(endpoint.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            except grpc.aio.AioRpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return check
