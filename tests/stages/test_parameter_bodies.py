"""Bodies held against the parameters of their route: JSON, forms, packed, cut, too large."""

import gzip
import json
from typing import Any

import pytest

from tests.stages.parameter_stage import make, routing

CART: dict[str, Any] = {
    "methods": ["POST"],
    "json": {
        "product_id": {"type": "integer", "required": True},
        "quantity": {"type": "integer", "min": 1, "max": 99},
        "gift": {"type": "boolean"},
        "price": {"type": "number"},
        "tags": {"type": "array", "max_length": 2, "items": {"enum": ["a", "b"]}},
        "to": {"type": "object", "fields": {"zip": {"required": True}}},
    },
    "unknown": "stop",
}


JSON_BODIES: list[tuple[bytes, list[str]]] = [
    # body, reasons
    (b'{"product_id": 1, "quantity": 2, "gift": true, "price": 1.5}', []),
    (b'{"product_id": 1, "quantity": null}', []),
    (b"", ["parameter.missing"]),
    (b"{}", ["parameter.missing"]),
    (b'{"product_id": null}', ["parameter.missing"]),
    (b'{"product_id": "1"}', ["parameter.type"]),
    (b'{"product_id": true}', ["parameter.type"]),
    (b'{"product_id": 1.0}', ["parameter.type"]),
    (b'{"product_id": 1e2}', ["parameter.type"]),
    (b'{"product_id": 100000000000000000000000000}', ["parameter.type"]),
    (b'{"product_id": ' + b"9" * 5_000 + b"}", ["body.malformed"]),
    (b'{"product_id": 1, "price": 1e999}', ["body.malformed"]),
    (b'{"product_id": 1, "price": NaN}', ["body.malformed"]),
    (b'{"product_id": 1, "price": -Infinity}', ["body.malformed"]),
    (b'{"product_id": 1, "quantity": 100}', ["parameter.range"]),
    (b'{"product_id": 1, "gift": 1}', ["parameter.type"]),
    (b'{"product_id": 1, "other": 1}', ["parameter.unknown"]),
    (b'{"product_id": 1, "product_id": 2}', ["parameter.repeated"]),
    (b'{"product_id": 1, "product\\u005fid": 2}', ["parameter.repeated"]),
    (b'{"product_id": 1, "tags": ["a", "c"]}', ["parameter.enum"]),
    (b'{"product_id": 1, "tags": ["a", "b", "a"]}', ["parameter.length"]),
    (b'{"product_id": 1, "tags": "a"}', ["parameter.type"]),
    (b'{"product_id": 1, "to": {}}', ["parameter.missing"]),
    (b'{"product_id": 1, "to": {"zip": 1}}', ["parameter.type"]),
    (b"[1]", ["body.malformed"]),
    (b"null", ["body.malformed"]),
    (b'{"product_id": 1', ["body.malformed"]),
    (b'{"product_id": 1,}', ["body.malformed"]),
    (b'{"product_id": 1} x', ["body.malformed"]),
    (b'{"product_id": "\xff"}', ["body.malformed"]),
    (b'{"product_id": "\\ud800"}', ["body.malformed"]),
    (b'\xef\xbb\xbf{"product_id": 1}', ["body.malformed"]),
    (b"[" * 1_000 + b"]" * 1_000, ["body.too_deep"]),
    (b"[" * 200_000, ["body.too_deep"]),
    (b'{"a":' * 33 + b"1" + b"}" * 33, ["body.too_deep"]),
    (b'{"product_id": 1, "tags": ' + b"[" * 31 + b"]" * 31 + b"}", ["parameter.type"]),
]


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("body", "reasons"), JSON_BODIES)
async def test_json_body_is_judged_member_by_member(body: bytes, reasons: list[str]) -> None:
    headers = (("content-type", "application/json; charset=utf-8"),)
    hits = await routing(**CART).hits(make("POST", "/r", body=body, headers=headers))
    assert [hit.reason for hit in hits] == reasons


async def test_nested_json_is_named_by_its_place() -> None:
    body = b'{"product_id": 1, "tags": ["a", "c"]}'
    (hit,) = await routing(**CART).hits(make("POST", "/r", body=body))
    assert hit.detail == "json parameter 'tags'[1] must be one of a, b, got 'c'"


async def test_no_body_makes_more_than_eight_findings() -> None:
    body = json.dumps({f"x{i}": 1 for i in range(10_000)}).encode()
    assert len(await routing(**CART).hits(make("POST", "/r", body=body))) == 8


LOGIN: dict[str, Any] = {
    "methods": ["POST"],
    "form": {"user": {"required": True}, "password": {"required": True, "max_length": 9}},
    "unknown": "observe",
}
FORM = (("content-type", "application/x-www-form-urlencoded"),)


FORMS: list[tuple[bytes, list[str]]] = [
    (b"user=a%40b.example&password=se+cret", []),
    (b"user=a", ["parameter.missing"]),
    (b"", ["parameter.missing", "parameter.missing"]),
    (b"user=a&password=%zz", ["body.malformed"]),
    (b"user=a%00&password=b", ["body.malformed"]),
    (b"user=a&user=b&password=c", ["parameter.repeated"]),
    (b"user=a&password=" + b"x" * 10, ["parameter.length"]),
    (b"user=a&password=" + b"x" * 100_000, ["body.incomplete"]),
]


@pytest.mark.parametrize(("body", "reasons"), FORMS)
async def test_form_body_is_judged_like_a_query(body: bytes, reasons: list[str]) -> None:
    hits = await routing(**LOGIN).hits(make("POST", "/r", body=body, headers=FORM))
    assert [hit.reason for hit in hits] == reasons


INCOMPLETE: list[dict[str, Any]] = [
    {"body": b"user=a", "body_size": 100, "headers": FORM},
    {"body": b"", "body_size": 100, "headers": FORM},
    {"body": b"\x1f\x8b", "body_size": 100, "headers": (*FORM, ("content-encoding", "gzip"))},
    {"body": b"\x1b\x02", "headers": (*FORM, ("content-encoding", "br"))},
    {"body": gzip.compress(bytes(300_000)), "headers": (*FORM, ("content-encoding", "gzip"))},
    {"body": b"--x", "headers": (("content-type", "multipart/form-data; boundary=x"),)},
]


@pytest.mark.parametrize("fields", INCOMPLETE)
@pytest.mark.parametrize(("treatment", "observed"), [("skip", True), ("stop", False)])
async def test_body_that_cannot_be_read_here_is_treated_as_the_route_says(
    fields: dict[str, Any], treatment: str, observed: bool
) -> None:
    hits = await routing(**LOGIN, incomplete_body=treatment).hits(make("POST", "/r", **fields))
    assert [(hit.reason, hit.observed) for hit in hits] == [("body.incomplete", observed)]


PACKED = (*FORM, ("content-encoding", "gzip"))


async def test_packed_body_is_judged_by_what_it_holds() -> None:
    good, bad = gzip.compress(b"user=a&password=b"), gzip.compress(b"user=a")
    login = routing(**LOGIN)
    assert await login.hits(make("POST", "/r", body=good, headers=PACKED)) == []
    (hit,) = await login.hits(make("POST", "/r", body=bad, headers=PACKED))
    assert hit.reason == "parameter.missing"


async def test_body_that_is_not_packed_as_it_says_is_malformed() -> None:
    body = b"user=a&password=b"
    (hit,) = await routing(**LOGIN).hits(make("POST", "/r", body=body, headers=PACKED))
    assert (hit.reason, hit.observed) == ("body.malformed", False)
    assert hit.detail == "body cannot be unpacked: it is not gzip, though it says so"


async def test_most_bytes_of_a_body_are_also_those_of_what_it_unpacks_to() -> None:
    body = gzip.compress(bytes(50_000_000))
    (hit,) = await routing(**LOGIN, max_body=60_000).hits(
        make("POST", "/r", body=body, headers=PACKED)
    )
    assert (hit.reason, hit.observed) == ("size.body", False)
    assert hit.detail == "body must be at most 60000 bytes, also unpacked"


async def test_body_of_another_content_type_is_stopped() -> None:
    headers = (("content-type", "text/xml"),)
    (hit,) = await routing(**LOGIN).hits(make("POST", "/r", body=b"<a/>", headers=headers))
    assert (hit.reason, hit.observed) == ("body.content_type", False)


async def test_body_larger_than_the_route_takes_is_not_read() -> None:
    hits = await routing(**LOGIN, max_body=10).hits(
        make("POST", "/r", body=b"user=%zz", body_size=11)
    )
    assert [hit.reason for hit in hits] == ["size.body"]


async def test_body_that_the_source_does_not_tell_is_not_missing() -> None:
    assert await routing(**LOGIN).hits(make("POST", "/r", headers_known=False)) == []
