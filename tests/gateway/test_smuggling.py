"""Bytes that two servers could read in two ways reach no service: RFC 9112 §11.2.

Each case is sent raw over a socket, with a second request behind it that must not be answered.
"""

from pathlib import Path

import pytest

from tests.gateway.backends import Backend, two_backends
from tests.gateway.running import gateway, raw

BEHIND = b"GET /smuggled HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"
HOST = b"Host: shop\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"POST /echo HTTP/1.1\r\n" + HOST + b"".join(headers) + b"\r\n" + body


REFUSED = {
    "length and chunked": (post(b"Content-Length: 5\r\n", CHUNKED, body=b"0\r\n\r\n"), b"400"),
    "chunked and length": (post(CHUNKED, b"Content-Length: 5\r\n", body=b"0\r\n\r\n"), b"400"),
    "two lengths that differ": (
        post(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", body=b"hello"),
        b"400",
    ),
    "two equal lengths": (
        post(b"Content-Length: 5\r\n", b"Content-Length: 5\r\n", body=b"hello"),
        b"400",
    ),
    "list of lengths": (post(b"Content-Length: 5, 5\r\n", body=b"hello"), b"400"),
    "signed length": (post(b"Content-Length: +5\r\n", body=b"hello"), b"400"),
    "negative length": (post(b"Content-Length: -1\r\n"), b"400"),
    "length in hex": (post(b"Content-Length: 0x5\r\n", body=b"hello"), b"400"),
    "length with underscore": (post(b"Content-Length: 1_0\r\n", body=b"hello"), b"400"),
    "length too large": (post(b"Content-Length: 99999999999999999999\r\n"), b"400"),
    "empty length": (post(b"Content-Length: \r\n"), b"400"),
    "folded header": (post(b"X-A: 1\r\n folded\r\n"), b"400"),
    "folded coding": (post(b"Transfer-Encoding:\r\n chunked\r\n", body=b"0\r\n\r\n"), b"400"),
    "space before colon": (post(b"Transfer-Encoding : chunked\r\n", body=b"0\r\n\r\n"), b"400"),
    "space before name": (post(b" Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"), b"400"),
    "unknown coding": (post(b"Transfer-Encoding: gzip\r\n"), b"4"),
    "coding in two words": (post(b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"), b""),
    "chunked not last": (post(b"Transfer-Encoding: chunked, gzip\r\n", body=b"0\r\n\r\n"), b"4"),
    "chunked twice": (post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"), b""),
    "coding with a prefix": (post(b"Transfer-Encoding: xchunked\r\n"), b"4"),
    "coding with a tab": (post(b"Transfer-Encoding:\x0bchunked\r\n", body=b"0\r\n\r\n"), b"4"),
    "chunked in HTTP/1.0": (
        b"POST /echo HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n",
        b"400",
    ),
    "chunk size not hex": (post(CHUNKED, body=b"zz\r\nhello\r\n0\r\n\r\n"), b"400"),
    "chunk size 0x": (post(CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n"), b"400"),
    "chunk size negative": (post(CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n"), b"400"),
    "chunk size with space": (post(CHUNKED, body=b"5 \r\nhello\r\n0\r\n\r\n"), b"400"),
    "chunk size overflows": (post(CHUNKED, body=b"10000000000000005\r\nhello\r\n"), b"400"),
    "chunk ends with bare LF": (post(CHUNKED, body=b"5\nhello\n0\n\n"), b"400"),
    "chunk longer than told": (post(CHUNKED, body=b"5\r\nhello!\r\n0\r\n\r\n"), b"400"),
    "NUL in a value": (post(b"X-A: a\x00b\r\n"), b"400"),
    "bare CR in a value": (post(b"X-A: a\rb\r\n"), b"400"),
    "bare LF ends a line": (
        b"POST /echo HTTP/1.1\nHost: shop\nContent-Length: 5\n\nhello",
        b"400",
    ),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
    "host with a path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", b"400"),
    "host with a user": (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", b"400"),
    "user in the target": (b"GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", b"400"),
    "fragment in the target": (b"GET /a#b HTTP/1.1\r\nHost: b\r\n\r\n", b"400"),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n", b"400"),
    "space in the target": (b"GET /a b HTTP/1.1\r\nHost: b\r\n\r\n", b"400"),
    "no version": (b"GET /\r\nHost: b\r\n\r\n", b"4"),
    "version 2.0": (b"GET / HTTP/2.0\r\nHost: b\r\n\r\n", b"4"),
    "nothing but rubbish": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_ambiguous_request_is_refused_and_the_connection_closed(
    case: str, tmp_path: Path
) -> None:
    sent, status = REFUSED[case]
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        answer = await raw(running.port, sent + BEHIND)
        healthy = await raw(running.port, BEHIND.replace(b"smuggled", b"well"))
    if status:
        assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert healthy.startswith(b"HTTP/1.1 200"), "the gateway must live on"
    assert "/smuggled" not in targets(backends)


ACCEPTED = {
    "chunked": post(CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n"),
    "chunked in capitals": post(b"TRANSFER-ENCODING: Chunked\r\n", body=b"5\r\nhello\r\n0\r\n\r\n"),
    "chunk extension": post(CHUNKED, body=b"5;a=b\r\nhello\r\n0\r\n\r\n"),
    "trailer": post(CHUNKED, body=b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"),
    "length": post(b"Content-Length: 5\r\n", body=b"hello"),
    "length with leading zeros": post(b"Content-Length: 0005\r\n", body=b"hello"),
}


@pytest.mark.parametrize("case", ACCEPTED)
async def test_plain_body_is_passed_on_framed_anew(case: str, tmp_path: Path) -> None:
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        answer = await raw(running.port, ACCEPTED[case] + BEHIND)
    assert answer.count(b"HTTP/1.1 200") == 2, "the request behind it is one of its own"
    assert b"\r\n\r\nhelloHTTP/1.1" in answer
    [echoed] = [head for b in backends for head in b.heads if head["target"] == "/echo"]
    framing = [h for h in echoed["headers"] if h[0] in ("content-length", "transfer-encoding")]
    assert framing == [("content-length", "5")]
    assert "x-t" not in dict(echoed["headers"])


def targets(backends: tuple[Backend, ...]) -> list[str]:
    return [head["target"] for backend in backends for head in backend.heads]
