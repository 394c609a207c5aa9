"""Load over gRPC: a fixed number of calls in flight for a fixed time, from prepared messages."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import monotonic, perf_counter

import grpc
import msgspec

from riskengine.records.lines import RequestLine
from riskengine.v1 import riskengine_pb2 as pb

SERVICE = "/riskengine.v1.RiskEngine"


@dataclass(slots=True)
class Load:
    """What a run of load saw."""

    decisions: int = 0
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    """Per call."""
    answers: list[bytes] = field(default_factory=list)
    """A sample of the answers, undecoded."""


def endless_requests(crowds: int, sample: Path) -> Iterator[bytes]:
    """Serialised requests of `crowds` copies of the sample's clients, all of them distinct.

    Neighbours are requests of different clients about different pages, and each client does what
    it did in the sample, in that order.
    """
    read = msgspec.json.Decoder(RequestLine).decode
    lines = [read(line) for line in sample.read_bytes().splitlines()[:2_000]]
    bodies = [_without_client(line) for line in lines]
    cookies = [tuple(v for n, v in line.headers or () if n == "cookie") for line in lines]
    homes = {ip: number for number, ip in enumerate(dict.fromkeys(ln.client_ip for ln in lines))}
    stride = max(1, len(lines) // crowds)
    for step in itertools.count():
        for crowd in range(crowds):
            line = lines[place := (step + crowd * stride) % len(lines)]
            # Fields of a message may be appended to it.
            number = homes[line.client_ip] * crowds + crowd
            yield bodies[place] + _client(
                number, crowd, line.session_id, line.user_id, cookies[place]
            )


@cache
def _client(number: int, crowd: int, session: str, user: str, cookies: tuple[str, ...]) -> bytes:
    return pb.EvaluateRequest(
        client_ip=f"198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}",
        session_id=f"{session}-{crowd}" if session else "",
        user_id=f"{user}-{crowd}" if user else "",
        headers=[pb.Header(name="cookie", value=f"{cookie}-{crowd}") for cookie in cookies],
    ).SerializeToString()


def _without_client(line: RequestLine) -> bytes:
    body = line.body.encode()
    return pb.EvaluateRequest(
        method=line.method,
        scheme=line.scheme,
        host=line.host,
        path=line.path,
        query=line.query,
        http_version="2",
        headers=[
            pb.Header(name=name, value=value)
            for name, value in line.headers or ()
            if name != "cookie"  # each client has its own
        ],
        body=body,
        body_size=len(body),
    ).SerializeToString()


def batched(requests: Iterator[bytes], size: int) -> Iterator[bytes]:
    """EvaluateBatchRequest messages of `size` requests each.

    Framed as they are: what the load costs to make, it takes from the server beside it.
    """
    while True:
        yield b"".join([_framed(next(requests)) for _ in range(size)])


def _framed(request: bytes) -> bytes:
    """One request as a field of EvaluateBatchRequest, of which any number make a message."""
    size = bytearray()
    left = len(request)
    while left > 127:
        size.append(left & 127 | 128)
        left >>= 7
    size.append(left)
    return b"\x0a" + bytes(size) + request


async def unary(target: str, messages: Iterator[bytes], *, seconds: float, in_flight: int) -> Load:
    """Unary calls, `in_flight` at a time, from an endless source."""
    load = Load()
    async with grpc.aio.insecure_channel(target) as channel:
        call = channel.unary_unary(f"{SERVICE}/Evaluate", bytes, bytes)
        until = monotonic() + seconds

        async def loop() -> None:
            while monotonic() < until:
                started = perf_counter()
                answer = await call(next(messages), timeout=1.0)
                load.latencies_ms.append((perf_counter() - started) * 1_000)
                load.decisions += 1
                load.answers.append(answer)

        await _timed(load, [loop() for _ in range(in_flight)])
    return load


async def streamed(
    target: str, messages: Iterator[bytes], *, seconds: float, streams: int, batch_size: int
) -> Load:
    """`streams` bidirectional streams, each with one message in flight, from an endless source."""
    load = Load()
    async with grpc.aio.insecure_channel(target) as channel:
        call = channel.stream_stream(f"{SERVICE}/EvaluateStream", bytes, bytes)
        until = monotonic() + seconds
        loops = [_stream(call, messages, until, load, batch_size) for _ in range(streams)]
        await _timed(load, loops)
    return load


async def _stream(
    call: "grpc.aio.StreamStreamMultiCallable[bytes, bytes]",
    messages: Iterator[bytes],
    until: float,
    load: Load,
    batch_size: int,
) -> None:
    stream = call(None, metadata=(("riskengine-budget-ms", "1000"),))
    while monotonic() < until:
        started = perf_counter()
        await stream.write(next(messages))
        answer = await stream.read()
        if not isinstance(answer, bytes):
            raise ConnectionError("the server ended the stream")
        load.latencies_ms.append((perf_counter() - started) * 1_000)
        load.decisions += batch_size
        load.answers.append(answer)
    await stream.done_writing()


async def _timed(load: Load, loops: list[Coroutine[None, None, None]]) -> None:
    started = perf_counter()
    await asyncio.gather(*loops)
    load.seconds = perf_counter() - started


def verdicts(answers: list[bytes], *, batches: bool) -> Counter[str]:
    """How the sampled answers were decided, by reason."""
    counts: Counter[str] = Counter()
    for answer in answers[-2_000:]:
        decisions = (
            pb.EvaluateBatchResponse.FromString(answer).decisions
            if batches
            else [pb.Decision.FromString(answer)]
        )
        counts.update(decision.reason for decision in decisions)
        counts["scored"] += sum(d.HasField("anomaly_score") for d in decisions)
        counts.update(f"degraded {name}" for d in decisions for name in d.degraded)
    return counts
