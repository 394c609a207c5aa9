"""Which headers pass, and which end at the gateway: RFC 9110 §7.6."""

from pathlib import Path
from typing import Any

import pytest

from riskengine.gateway.hop_headers import answer_headers, request_headers
from riskengine.gateway.responses import as_bytes
from tests.gateway.backends import two_backends
from tests.gateway.running import gateway, raw

Pairs = list[tuple[str, str]]
PEER = "198.51.100.9"


def sent_on(*headers: tuple[str, str], trusted: bool = False) -> Pairs:
    sent = request_headers(
        as_bytes(headers), host="shop", peer=PEER, proto="http", request_id="r-1", trusted=trusted
    )
    return [(name.decode(), value.decode()) for name, value in sent]


@pytest.mark.parametrize(
    "headers",
    [
        [("connection", "close")],
        [("connection", "keep-alive"), ("keep-alive", "timeout=5")],
        [("connection", "x-secret"), ("x-secret", "1")],
        [("connection", "X-Secret , Other"), ("x-secret", "1"), ("other", "2")],
        [("connection", "a"), ("connection", "b"), ("a", "1"), ("b", "2")],
        [("te", "trailers"), ("trailer", "x-t")],
        [("transfer-encoding", "chunked")],
        [("upgrade", "h2c"), ("http2-settings", "AAA"), ("connection", "upgrade, http2-settings")],
        [("proxy-connection", "keep-alive"), ("proxy-authorization", "Basic eA==")],
        [("expect", "100-continue"), ("content-length", "3")],
    ],
    ids=lambda pairs: "+".join(name for name, _ in pairs),
)
def test_header_for_one_hop_ends_here(headers: Pairs) -> None:
    ours = {
        "host",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
        "via",
    }
    assert {name for name, _ in sent_on(*headers, ("accept", "x"))} == ours | {"accept"}


def test_other_headers_pass_in_order_and_repeated() -> None:
    told = [("cookie", "a=1"), ("x-many", "1"), ("accept", "*/*"), ("x-many", "2")]
    assert [pair for pair in sent_on(*told) if pair in told] == told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-forwarded-for", "203.0.113.1"),
        ("x-forwarded-host", "evil"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=203.0.113.1"),
        ("x-request-id", "mine"),
        ("x_forwarded_for", "203.0.113.1"),
    ],
)
def test_stranger_cannot_say_who_was_before_him(name: str, value: str) -> None:
    assert value not in " ".join(told for _, told in sent_on((name, value)))


def test_trusted_proxy_is_believed_and_added() -> None:
    told = dict(sent_on(("x-forwarded-for", "203.0.113.1"), trusted=True))
    assert told["x-forwarded-for"] == f"203.0.113.1, {PEER}"


def test_connection_cannot_take_what_the_gateway_writes() -> None:
    named = ("connection", "host, x-forwarded-for, content-length, via")
    told = dict(sent_on(named))
    assert (told["host"], told["x-forwarded-for"]) == ("shop", PEER)


def test_answer_keeps_what_is_not_for_one_hop() -> None:
    told = [("connection", "x-hop"), ("x-hop", "1"), ("keep-alive", "5"), ("upgrade", "h2c")]
    kept = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("server", "shop")]
    assert answer_headers(as_bytes([*told, *kept])) == as_bytes(kept)


async def test_answer_reaches_the_client_without_headers_of_the_hop(tmp_path: Path) -> None:
    async with (
        two_backends() as backends,
        gateway(tmp_path, *backends) as running,
        running.session.get(f"{running.url}/headers") as answer,
    ):
        headers = answer.headers
    assert headers.getall("set-cookie") == ["a=1", "b=2"]
    assert headers["server"] == "shop/1"
    assert not {"x-hop", "keep-alive", "connection"} & {name.lower() for name in headers}


async def test_absolute_target_names_the_host(tmp_path: Path) -> None:
    sent = (
        b"GET http://shop.example:80/a?b=%2F HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n"
    )
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        assert (await raw(running.port, sent)).startswith(b"HTTP/1.1 200")
    [head] = [head for backend in backends for head in backend.heads]
    assert head["target"] == "/a?b=%2F"
    assert dict(head["headers"])["host"] == "shop.example:80"


@pytest.mark.parametrize(
    "target",
    [
        "/a/../b",
        "//evil.example/x",
        "/a%2e%2e/%00",
        "/a;b=c?d=e&d=f?g",
        "/%e4%bd%a0",
        "/?a b",
    ],
)
async def test_target_is_passed_on_as_it_was_written(target: str, tmp_path: Path) -> None:
    written = target.replace(" ", "%20")
    sent = f"GET {written} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode()
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        answer = await raw(running.port, sent)
    reached: list[dict[str, Any]] = [head for backend in backends for head in backend.heads]
    assert [head["target"] for head in reached] == [written], answer
