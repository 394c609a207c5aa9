"""WebSockets pass through, both ways, and are judged like any other request."""

from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSServerHandshakeError

from tests.gateway.backends import two_backends
from tests.gateway.running import gateway


async def test_websocket_passes_both_ways(tmp_path: Path) -> None:
    async with (
        two_backends() as (one, _),
        gateway(tmp_path, one) as running,
        running.session.ws_connect(f"{running.url}/ws", protocols=["chat"]) as socket,
    ):
        assert socket.protocol == "chat"
        for number in range(50):
            await socket.send_str(f"hello {number}")
            assert await socket.receive_str() == f"one: hello {number}"
        large = b"z" * 2_000_000
        await socket.send_bytes(large)
        assert await socket.receive_bytes() == large
    [visit] = running.visits()
    assert visit["status"] == 101
    assert visit["bytes"] > 2_000_000


async def test_pings_and_close_codes_pass(tmp_path: Path) -> None:
    async with (
        two_backends() as (one, _),
        gateway(tmp_path, one) as running,
        running.session.ws_connect(f"{running.url}/ws", autoping=False) as socket,
    ):
        await socket.ping(b"are you there")
        message = await socket.receive(timeout=10)
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"are you there")
        await socket.close(code=4001)
        assert one.closed_with == 4001


async def test_denied_websocket_is_not_opened(tmp_path: Path) -> None:
    headers = {"x-forwarded-for": "203.0.113.66"}
    async with two_backends() as (one, _), gateway(tmp_path, one) as running:
        with pytest.raises(WSServerHandshakeError) as refused:
            await running.session.ws_connect(f"{running.url}/ws", headers=headers)
    assert refused.value.status == 403
    assert not one.heads


async def test_service_that_does_not_switch_answers_as_usual(tmp_path: Path) -> None:
    async with two_backends() as (one, _), gateway(tmp_path, one) as running:
        with pytest.raises(WSServerHandshakeError) as refused:
            await running.session.ws_connect(f"{running.url}/status/426")
    assert refused.value.status == 426


async def test_connections_of_ended_websockets_are_given_back(tmp_path: Path) -> None:
    service = {"pool": {"connections_max": 1, "idle_max": 1}}
    async with two_backends() as (one, _), gateway(tmp_path, one, service=service) as running:
        for _ in range(5):
            async with running.session.ws_connect(f"{running.url}/ws") as socket:
                await socket.send_str("hello")
                assert await socket.receive_str() == "one: hello"
