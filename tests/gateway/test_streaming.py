"""Bodies pass as they come, both ways, and nobody holds more of them than he must."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.backends import two_backends
from tests.gateway.running import gateway, raw


async def test_answer_is_passed_on_before_it_is_whole(tmp_path: Path) -> None:
    async with (
        two_backends() as backends,
        gateway(tmp_path, *backends) as running,
        running.session.get(f"{running.url}/gated") as answer,
    ):
        assert await answer.content.read(6) == b"first "
        for backend in backends:
            backend.gate.set()
        assert await answer.read() == b"second"


async def test_upload_reaches_the_service_before_it_is_whole(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a" * 20_000
        await gate.wait()
        yield b"b" * 20_000

    async with two_backends() as (one, _two), gateway(tmp_path, one) as running:
        sending = asyncio.ensure_future(running.session.post(f"{running.url}/count", data=pieces()))
        await one.arrived.wait()
        assert not sending.done()
        gate.set()
        assert await (await sending).read() == b"40000"


async def test_large_bodies_pass_whole_both_ways(tmp_path: Path) -> None:
    body = bytes(range(256)) * 20_000
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        async with running.session.put(f"{running.url}/echo", data=body) as answer:
            assert await answer.read() == body
        async with running.session.get(f"{running.url}/big") as answer:
            assert len(await answer.read()) == 3_000_000


async def test_packed_bodies_stay_packed(tmp_path: Path) -> None:
    packed = gzip.compress(b"hello" * 1000)
    headers = {"content-encoding": "gzip"}
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        async with running.session.post(
            f"{running.url}/echo", data=packed, headers=headers
        ) as answer:
            # The service unpacks what says that it is packed; a gateway that did would change it.
            assert await answer.read() == b"hello" * 1000
        [head] = [head for backend in backends for head in backend.heads]
        assert dict(head["headers"])["content-length"] == str(len(packed))
        async with running.session.get(f"{running.url}/zip") as answer:
            assert gzip.decompress(await answer.read()) == b"packed " * 100


async def test_service_that_breaks_off_is_seen_to_break_off(tmp_path: Path) -> None:
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        with pytest.raises(aiohttp.ClientError):
            async with running.session.get(f"{running.url}/cut") as answer:
                await answer.read()
    assert running.visits()[0]["reason"] == "service.broke_off"


async def test_client_that_leaves_ends_the_call(tmp_path: Path) -> None:
    async with two_backends() as (one, _), gateway(tmp_path, one) as running:
        answer = await running.session.get(f"{running.url}/gated")
        await answer.content.read(6)
        answer.close()
        async with asyncio.timeout(10):
            await one.left.wait()


async def test_body_that_is_too_long_is_refused(tmp_path: Path) -> None:
    bounds = {"body_max_bytes": 100_000}

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000

    async with two_backends() as backends, gateway(tmp_path, *backends, requests=bounds) as running:
        async with running.session.post(f"{running.url}/echo", data=b"x" * 100_001) as answer:
            assert answer.status == 413
        async with running.session.post(f"{running.url}/count", data=pieces()) as answer:
            assert answer.status == 413
        async with running.session.post(f"{running.url}/echo", data=b"x" * 100_000) as answer:
            assert answer.status == 200


async def test_body_that_stands_still_is_given_up(tmp_path: Path) -> None:
    sent = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
    bounds = {"idle": "200ms"}
    async with two_backends() as backends, gateway(tmp_path, *backends, requests=bounds) as running:
        assert (await raw(running.port, sent)).startswith(b"HTTP/1.1 408")
    assert not backends[0].heads
    assert not backends[1].heads


async def test_head_that_stands_still_is_given_up(tmp_path: Path) -> None:
    bounds = {"idle": "200ms"}
    async with two_backends() as backends, gateway(tmp_path, *backends, requests=bounds) as running:
        assert await raw(running.port, b"GET / HTTP/1.1\r\nHost: a\r\nX-") == b""


async def test_client_that_waits_to_be_asked_for_its_body_is_asked(tmp_path: Path) -> None:
    sent = (
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
        b"Connection: close\r\n\r\n"
    )
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(sent)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nhello")


async def test_head_request_tells_the_length_and_sends_no_body(tmp_path: Path) -> None:
    sent = b"HEAD /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        head, _, body = (await raw(running.port, sent)).partition(b"\r\n\r\n")
    assert b"content-length: 3000000" in head.lower()
    assert body == b""


async def test_old_client_gets_an_answer_that_ends_with_the_connection(tmp_path: Path) -> None:
    async with two_backends() as (one, _), gateway(tmp_path, one) as running:
        one.gate.set()
        answer = await raw(running.port, b"GET /gated HTTP/1.0\r\nHost: a\r\n\r\n")
    assert b"transfer-encoding" not in answer.lower()
    assert answer.endswith(b"\r\n\r\nfirst second")
