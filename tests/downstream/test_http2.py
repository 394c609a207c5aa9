"""HTTP/2 connections to a real server: many calls on one, and what a reset says."""

import asyncio
import random

import pytest

from riskengine.clock import ManualClock, SystemClock
from riskengine.downstream.call import Fate, Judgement, Progress
from riskengine.downstream.client import Client
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError, LostError, NotProcessedError
from riskengine.downstream.http2 import Http2Connection, Http2Connector
from riskengine.downstream.judge_http import judge_http
from riskengine.downstream.pool_limits import PoolLimits
from tests.downstream.h2_server import H2Shop, h2_serving

JUDGE = judge_http(ManualClock())


async def test_calls_share_connections_up_to_the_pools_bounds() -> None:
    shop = H2Shop()
    limits = PoolLimits(connections_min=1, connections_max=3, calls_per_connection=20)
    async with h2_serving(shop) as endpoint:
        client = Client(
            Http2Connector(),
            ClientParts(limits=limits, judge=JUDGE),
            clock=SystemClock(),
            rng=random.Random(1),
        )
        await client.update([endpoint])
        assert shop.connections == 1, "warm before the first call"

        async def get(connection: Http2Connection) -> bytes:
            answer = await connection.request("GET", "/", headers=[("x-id", "1")])
            assert answer.status == 200
            return bytes(answer.content)

        answers = await asyncio.gather(*(client.call(get, timeout_s=30) for _ in range(300)))
        assert answers == [b"hello"] * 300
        assert shop.connections <= 3
        await client.close()


async def test_refused_stream_was_not_processed_and_harms_no_other_call() -> None:
    async with h2_serving(H2Shop()) as endpoint:
        connection = await Http2Connector().connect(endpoint)
        with pytest.raises(NotProcessedError) as caught:
            await connection.request("POST", "/refuse")
        judged = JUDGE(None, caught.value)
        assert judged == Judgement(Fate.IGNORED, Progress.NOT_SENT, retryable=True)
        assert connection.is_usable()
        assert (await connection.request("GET", "/status/503")).status == 503
        await connection.close()


async def test_connection_ended_by_the_peer_takes_no_more_calls() -> None:
    async with h2_serving(H2Shop()) as endpoint:
        connection = await Http2Connector().connect(endpoint)
        with pytest.raises(LostError) as caught:
            await connection.request("POST", "/hang-up")
        assert JUDGE(None, caught.value).fate is Fate.FAILURE
        assert not connection.is_usable()
        await connection.close()


async def test_cancelled_call_leaves_the_connection_to_others() -> None:
    shop = H2Shop()
    async with h2_serving(shop) as endpoint:
        connection = await Http2Connector().connect(endpoint)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connection.request("GET", "/hang")
        assert (await connection.request("GET", "/")).content == b"hello"
        assert shop.connections == 1
        await connection.close()


async def test_refused_connection_is_a_connect_error() -> None:
    async with h2_serving(H2Shop()) as endpoint:
        pass
    with pytest.raises(ConnectError, match=endpoint.address):
        await Http2Connector().connect(endpoint)
    with pytest.raises(ConnectError, match="needs HOST:PORT"):
        await Http2Connector().connect(Endpoint("unix:/run/shop.sock"))
