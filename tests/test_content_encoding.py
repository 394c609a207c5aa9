"""Bodies are unpacked as their senders packed them, and never beyond the limit."""

import tracemalloc
import zlib
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.content_encoding import Fault, Unpacked, content_encoding, unpack

GZIP, ZLIB, RAW = 31, 15, -15


def packed(body: bytes, wbits: int = GZIP) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "wbits"), [("gzip", GZIP), ("x-gzip", GZIP), ("deflate", ZLIB), ("deflate", RAW)]
)
def test_body_is_unpacked(coding: str, wbits: int) -> None:
    assert unpack(packed(b"abc", wbits), coding) == Unpacked(b"abc")


@pytest.mark.parametrize("coding", ["", "identity"])
def test_body_without_encoding_comes_back_as_it_is(coding: str) -> None:
    assert unpack(b"abc", coding, limit=1) == Unpacked(b"abc")


@pytest.mark.parametrize("wbits", [GZIP, ZLIB, RAW])
def test_bomb_stops_at_the_limit_in_time_and_memory(wbits: int) -> None:
    bomb = packed(bytes(50_000_000), wbits)
    tracemalloc.start()
    unpacked = unpack(bomb, "gzip" if wbits == GZIP else "deflate", limit=65_536)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(unpacked.body), unpacked.fault) == (65_536, "too_long")
    assert unpacked.detail == "it unpacks to more than 65536 bytes"
    assert peak < 10 * 65_536


def test_exactly_the_limit_is_not_too_long() -> None:
    assert unpack(packed(b"abc"), "gzip", limit=3) == Unpacked(b"abc")
    assert unpack(packed(b"abcd"), "gzip", limit=3).fault == "too_long"


@pytest.mark.parametrize(
    ("body", "coding", "fault", "detail"),
    [
        (b"no", "gzip", "malformed", "it is not gzip, though it says so"),
        (b"no", "deflate", "malformed", "it is not deflate, though it says so"),
        (b"no", "br", "encoding", "its encoding is 'br', not gzip or deflate alone"),
        (
            b"no",
            "gzip, gzip",
            "encoding",
            "its encoding is 'gzip, gzip', not gzip or deflate alone",
        ),
    ],
)
def test_what_cannot_be_unpacked_comes_back_as_it_is_and_says_why(
    body: bytes, coding: str, fault: str, detail: str
) -> None:
    assert unpack(body, coding) == (body, fault, detail)


def test_body_that_ends_too_early_is_malformed_unless_the_gateway_cut_it() -> None:
    text = b"".join(b"%d," % number for number in range(1_000))
    cut = packed(text)[:1_000]
    torn = unpack(cut, "gzip")
    assert (torn.fault, torn.detail) == ("malformed", "its gzip ends too early")
    assert text.startswith(torn.body)
    assert len(torn.body) > 1_000
    assert unpack(cut, "gzip", whole=False) == Unpacked(torn.body)


def test_what_stands_behind_the_end_is_not_passed_over_in_silence() -> None:
    body, fault, detail = unpack(packed(b"a") + packed(b"b"), "gzip")
    assert (body, fault) == (b"a", "malformed")
    assert detail == "something stands behind the end of its gzip"


def test_codings_of_all_headers_count_in_either_case() -> None:
    headers = (("content-encoding", " GZip"), ("accept", "*/*"), ("content-encoding", "br "))
    assert content_encoding(headers) == "gzip, br"
    assert content_encoding(headers[:2]) == "gzip"
    assert content_encoding(headers[1:2]) == ""


@given(
    body=st.binary(max_size=300),
    coding=st.sampled_from(["gzip", "deflate", "br", ""]) | st.text(max_size=20),
    whole=st.booleans(),
)
def test_unpacking_takes_anything_and_keeps_its_limit(
    body: bytes, coding: str, whole: bool
) -> None:
    unpacked = unpack(body, coding, whole=whole, limit=64)
    assert unpacked.fault in get_args(Fault)
    assert bool(unpacked.fault) == bool(unpacked.detail)
    assert unpacked.body == body or len(unpacked.body) <= 64


@given(body=st.binary(max_size=500), wbits=st.sampled_from([GZIP, ZLIB, RAW]), at=st.integers(0))
def test_what_a_client_packs_is_unpacked_and_what_is_cut_is_its_beginning(
    body: bytes, wbits: int, at: int
) -> None:
    sent, coding = packed(body, wbits), "gzip" if wbits == GZIP else "deflate"
    assert unpack(sent, coding, limit=500) == Unpacked(body)
    cut = unpack(sent[: at % len(sent)], coding, whole=False, limit=500)
    assert cut.fault or body.startswith(cut.body)
