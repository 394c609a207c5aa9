import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from riskengine.decision import RuleHit
from riskengine.inspection import Batch
from riskengine.request import Request, make_request
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.stages.parameter_findings import REASONS
from riskengine.stages.parameters import ParametersStage

CHECKOUT = Path(__file__).parents[2]
SHARED = CHECKOUT.parent / "shared" / "data"


def make(method: str = "GET", target: str = "/", **fields: Any) -> Request:
    path, _, query = target.partition("?")
    return make_request(client_ip="203.0.113.7", method=method, path=path, query=query, **fields)


class Stage:
    """A stage over rules written in the test, and what it finds."""

    def __init__(self, rules: ParametersFile) -> None:
        self.routes = RouteTable(rules.routes)
        self.stage = ParametersStage(rules, self.routes)

    async def hits(self, *requests: Request) -> list[RuleHit]:
        batch = Batch.of(requests, self.routes, now=0.0, deadline=1.0)
        await self.stage.inspect(batch)
        found = [hit for inspection in batch.every for hit in inspection.hits]
        assert {hit.reason for hit in found} <= set(REASONS)
        return found

    async def stopped(self, request: Request) -> bool:
        return any(not hit.observed for hit in await self.hits(request))


def checking(**fields: Any) -> Stage:
    rule = {"id": "rule", "description": "A check.", **fields}
    return Stage(ParametersFile.model_validate({"checks": [rule]}))


def routing(path: str = "/r", **fields: Any) -> Stage:
    return Stage(ParametersFile.model_validate({"routes": [{"id": "r", "path": path, **fields}]}))


def shop() -> Stage:
    text = (CHECKOUT / "rules" / "parameters.yaml").read_text()
    return Stage(ParametersFile.model_validate(YAML(typ="safe").load(text)))


BROWSER = (("host", "shop.example"), ("user-agent", "Mozilla/5.0"), ("accept", "*/*"))
MEGABYTE = "x" * 1_000_000

CHECKS: list[tuple[dict[str, Any], Request, str, str]] = [
    # check, request, reason, detail ("" where nothing may be found)
    ({"check": "path_oddities", "oddities": ["nul"]}, make(target="/a%00"),
     "path.nul", r"path has nul: '/a%00' reads '/a\x00'"),
    ({"check": "path_oddities", "oddities": ["nul"]}, make(target="/a"), "", ""),
    ({"check": "path_oddities", "oddities": ["dot_segment", "above_root"]}, make(target="/../a"),
     "path.dot_segment", "path has dot_segment: '/../a' reads '/a'"),
    ({"check": "query_oddities", "oddities": ["malformed_encoding"]}, make(target="/?a=1&b=%zz"),
     "query.malformed_encoding", "query parameter 'b' has malformed_encoding, reads '%zz'"),
    ({"check": "query_oddities", "oddities": ["too_many_parameters"]},
     make(target="/?" + "&" * 10_000), "query.too_many_parameters",
     "query has too_many_parameters: only its first 1024 parameters are read"),
    ({"check": "forbidden_paths", "paths": ["/.git/**"]}, make(target="/%2egit//config"),
     "path.forbidden", "path '/.git/config' is forbidden by /.git/**"),
    ({"check": "forbidden_paths", "paths": ["/.git/**"]}, make(target="/git"), "", ""),
    ({"check": "size", "of": "path", "max": 5}, make(target="/é123"),
     "size.path", "path must be at most 5 bytes, got 6"),
    ({"check": "size", "of": "path", "max": 5}, make(target="/1234"), "", ""),
    ({"check": "size", "of": "query", "max": 3}, make(target="/?a=12"),
     "size.query", "query must be at most 3 bytes, got 4"),
    ({"check": "size", "of": "header", "max": 8_192}, make(headers=(("x-big", MEGABYTE),)),
     "size.header", "header 'x-big' must be at most 8192 bytes, got 1000005"),
    ({"check": "size", "of": "header", "max": 8}, make(headers=(("a", "1234567"),)), "", ""),
    ({"check": "size", "of": "headers", "max": 9}, make(headers=(("a", "1234"), ("b", "1234"))),
     "size.headers", "headers must be at most 9 bytes, got 10"),
    ({"check": "size", "of": "headers", "max": 10}, make(headers=(("a", "1234"), ("b", "1234"))),
     "", ""),
    ({"check": "size", "of": "body", "max": 10}, make("POST", body=b"x", body_size=11),
     "size.body", "body must be at most 10 bytes, got 11"),
    ({"check": "parameter_count", "max": 2}, make(target="/?a&b&c"),
     "parameter.count", "query must have at most 2 parameters, got 3"),
    ({"check": "parameter_count", "max": 256}, make(target="/?" + "a=1&" * 9_999),
     "parameter.count", "query must have at most 256 parameters, got 10000"),
    ({"check": "allowed_methods", "methods": ["GET", "POST"]}, make("TRACK"),
     "method.not_allowed", "method must be one of GET, POST, got 'TRACK'"),
    ({"check": "allowed_methods", "methods": ["GET"]}, make("get"),
     "method.not_allowed", "method must be one of GET, got 'get'"),
    ({"check": "header_control_characters"}, make(headers=(("x", "a\r\nb"),)),
     "header.control_character", r"header 'x' must be free of control characters, got 'a\r\nb'"),
    ({"check": "header_control_characters"}, make(headers=(("x\0", "a"),)),
     "header.control_character", r"header 'x\x00' must be free of control characters, got 'a'"),
    ({"check": "header_control_characters"}, make(headers=(("x", "a\tb"), ("y", "é"))), "", ""),
    ({"check": "duplicate_host"}, make(headers=(("host", "a"), ("host", "b"))),
     "header.duplicate_host", "host must be one, got 'a, b'"),
    ({"check": "duplicate_host"}, make(headers=(("host", "a,b"),)),
     "header.duplicate_host", "host must be one, got 'a,b'"),
    ({"check": "missing_host"}, make(http_version="HTTP/1.1"),
     "header.missing_host", "host must be given with HTTP/1.1"),
    ({"check": "missing_host"}, make(http_version="HTTP/1.1", host="a"), "", ""),
    ({"check": "missing_host"}, make(http_version="HTTP/1.1", headers=(("host", "a"),)), "", ""),
    ({"check": "missing_host"}, make(http_version="HTTP/1.1", headers_known=False), "", ""),
    ({"check": "missing_host"}, make(http_version="HTTP/2"), "", ""),
    ({"check": "conflicting_length"},
     make("POST", headers=(("content-length", "5"), ("transfer-encoding", "chunked"))),
     "header.conflicting_length", "content-length and transfer-encoding must not both be given"),
    ({"check": "conflicting_length"},
     make("POST", headers=(("content-length", "5"), ("content-length", "6"))),
     "header.conflicting_length", "content-length must be one number, got '5, 6'"),
    ({"check": "conflicting_length"}, make("POST", headers=(("content-length", "+5"),)),
     "header.conflicting_length", "content-length must be one number, got '+5'"),
    ({"check": "conflicting_length"}, make("POST", headers=(("content-length", "٣"),)),
     "header.conflicting_length", "content-length must be one number, got '٣'"),
    ({"check": "conflicting_length"}, make("POST", headers=(("transfer-encoding", "chunked"),)),
     "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("check", "request_", "reason", "detail"), CHECKS)
async def test_check_finds_exactly_this(
    check: dict[str, Any], request_: Request, reason: str, detail: str
) -> None:
    hits = await checking(**check).hits(request_)
    assert [(hit.reason, hit.detail) for hit in hits] == ([(reason, detail)] if reason else [])


VALUES: list[tuple[dict[str, Any], str, str]] = [
    # spec, query, reason ("" where nothing may be found)
    ({"type": "integer"}, "p=12", ""),
    ({"type": "integer"}, "p=-12", ""),
    ({"type": "integer"}, "p=", ""),
    ({"type": "integer"}, "", ""),
    ({"type": "integer"}, "p=1.0", "type"),
    ({"type": "integer"}, "p=+1", "type"),
    ({"type": "integer"}, "p=1_0", "type"),
    ({"type": "integer"}, "p=%201", "type"),
    ({"type": "integer"}, "p=%D9%A3", "type"),
    ({"type": "integer"}, "p=NaN", "type"),
    ({"type": "integer"}, "p=" + "9" * 19, ""),
    ({"type": "integer"}, "p=" + "9" * 20, "type"),
    ({"type": "integer"}, "p=" + "9" * 10_000, "type"),
    ({"type": "integer", "min": 1, "max": 99}, "p=0", "range"),
    ({"type": "integer", "min": 1, "max": 99}, "p=99", ""),
    ({"type": "integer", "min": 1, "max": 99}, "p=100", "range"),
    ({"type": "integer", "enum": [1, 2]}, "p=3", "enum"),
    ({"type": "number"}, "p=1.5e3", ""),
    ({"type": "number"}, "p=nan", "type"),
    ({"type": "number"}, "p=inf", "type"),
    ({"type": "number"}, "p=-Infinity", "type"),
    ({"type": "number"}, "p=1e999", "type"),
    ({"type": "number"}, "p=0x10", "type"),
    ({"type": "number", "max": 1.5}, "p=1.6", "range"),
    ({"type": "boolean"}, "p=True", ""),
    ({"type": "boolean"}, "p=off", ""),
    ({"type": "boolean"}, "p=2", "type"),
    ({"type": "uuid"}, "p=123e4567-e89b-12d3-a456-426614174000", ""),
    ({"type": "uuid"}, "p=123e4567e89b12d3a456426614174000", "type"),
    ({"type": "date"}, "p=2026-02-28", ""),
    ({"type": "date"}, "p=2026-02-30", "type"),
    ({"type": "date"}, "p=20260228", "type"),
    ({"type": "datetime"}, "p=2026-03-01T10:00:00Z", ""),
    ({"type": "datetime"}, "p=2026-03-01T25:00:00Z", "type"),
    ({"max_length": 3}, "p=%C3%A9%C3%A9%C3%A9", ""),
    ({"max_length": 3}, "p=abcd", "length"),
    ({"min_length": 1}, "p=", "length"),
    ({"enum": ["price", "name"]}, "p=name", ""),
    ({"enum": ["price", "name"]}, "p=Name", "enum"),
    ({"pattern": "[a-z]+"}, "p=abc", ""),
    ({"pattern": "[a-z]+"}, "p=abc%0A", "pattern"),
    ({"pattern": "[a-z]+"}, "p=" + "a" * 1_000 + "1", "pattern"),
    ({"pattern": "a|ab"}, "p=ab", ""),
    ({"required": True}, "p=", ""),
    ({"required": True}, "q=1", "missing"),
    ({"type": "integer", "required": True}, "p=", "missing"),
    ({}, "p=1&p=2", "repeated"),
    ({"repeated": True}, "p=1&p=2", ""),
    ({"repeated": True, "type": "integer"}, "p=1&p=x", "type"),
]


@pytest.mark.parametrize(("spec", "query", "reason"), VALUES)
async def test_query_value_is_judged_by_its_spec(
    spec: dict[str, Any], query: str, reason: str
) -> None:
    hits = await routing(query={"p": spec}).hits(make(target=f"/r?{query}"))
    assert [hit.reason for hit in hits] == ([f"parameter.{reason}"] if reason else [])


@pytest.mark.parametrize(
    ("spec", "value", "detail"),
    [
        ({"type": "integer", "min": 1}, "x",
         "query parameter 'p' must be a whole number of at most 19 digits, got 'x'"),
        ({"type": "integer", "min": 1, "max": 9}, "12",
         "query parameter 'p' must be from 1 to 9, got '12'"),
        ({"max_length": 2}, "abc", "query parameter 'p' must be at most 2 characters, got 3"),
        ({"enum": ["a", "b"]}, "%1b[31m",
         r"query parameter 'p' must be one of a, b, got '\x1b[31m'"),
        ({"pattern": "a"}, "%E2%80%AE", r"query parameter 'p' must be like a, got '\u202e'"),
        ({"pattern": "a", "secret": True}, "hunter2",
         "query parameter 'p' must be like a, got 7 characters"),
        ({"pattern": "b"}, "a" * 200,
         f"query parameter 'p' must be like b, got '{'a' * 76}..."),
    ],
)  # fmt: skip
async def test_detail_says_which_parameter_what_was_found_and_what_would_be_right(
    spec: dict[str, Any], value: str, detail: str
) -> None:
    hits = await routing(query={"p": spec}).hits(make(target=f"/r?p={value}"))
    assert [hit.detail for hit in hits] == [detail]


@pytest.mark.parametrize(
    ("unknown", "expected"), [("allow", []), ("observe", [True]), ("stop", [False])]
)
async def test_unknown_parameters_are_treated_as_the_route_says(
    unknown: str, expected: list[bool]
) -> None:
    hits = await routing(query={}, unknown=unknown).hits(make(target="/r?utm_source=x"))
    assert [hit.observed for hit in hits] == expected
    assert {hit.reason for hit in hits} <= {"parameter.unknown"}


async def test_captures_are_judged_as_written_in_the_path() -> None:
    stage = routing("/c/{slug}", captures={"slug": {"pattern": "[a-z]+"}})
    assert await stage.hits(make(target="/c/shoes")) == []
    (hit,) = await stage.hits(make(target="/c/Shoes"))
    assert hit.detail == "path parameter 'slug' must be like [a-z]+, got 'Shoes'"


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


async def test_observed_check_is_recorded_and_hides_nothing_behind_it() -> None:
    rules = ParametersFile.model_validate(
        {
            "checks": [
                {"id": "o", "description": "d", "check": "size", "of": "query", "max": 1,
                 "mode": "observe"},
                {"id": "c", "description": "d", "check": "parameter_count", "max": 1},
            ],
            "routes": [{"id": "r", "path": "/r", "query": {"p": {"type": "integer"}}}],
        }
    )  # fmt: skip
    hits = await Stage(rules).hits(make(target="/r?p=x&q"))
    assert [(hit.rule_id, hit.observed) for hit in hits] == [
        ("o", True),
        ("c", False),
        ("r", False),
    ]


@pytest.mark.parametrize("mode", ["observe", "disabled"])
async def test_route_that_does_not_enforce_stops_nothing(mode: str) -> None:
    hits = await routing(query={"p": {"type": "integer"}}, mode=mode).hits(make(target="/r?p=x"))
    assert [hit.observed for hit in hits] == ([True] if mode == "observe" else [])


async def test_verdict_and_rule_of_a_hit_are_those_written() -> None:
    stage = routing(query={"p": {"type": "integer"}}, verdict="throttle")
    (hit,) = await stage.hits(make(target="/r?p=x"))
    assert (hit.stage, hit.rule_id, hit.verdict.word) == ("parameters", "r", "throttle")


async def test_known_path_with_a_method_it_does_not_know_is_told() -> None:
    rules = ParametersFile.model_validate(
        {
            "checks": [{"id": "m", "description": "d", "check": "route_methods"}],
            "routes": [{"id": "r", "path": "/r/{id}"}],
        }
    )
    stage = Stage(rules)
    (hit,) = await stage.hits(make("DELETE", "/r/1"))
    assert hit.detail == "method must be one of GET, HEAD, got 'DELETE'"
    quiet = (make("GET", "/r/1"), make("OPTIONS", "/r/1"), make("DELETE", "/elsewhere"))
    assert await stage.hits(*quiet) == []


GOOD_AT_THE_SHOP = [
    make("GET", "/", headers=BROWSER),
    make(
        "GET", "/category/running-shoes?page=2&sort=price&utm_source=mail&gclid=x", headers=BROWSER
    ),
    make("GET", "/products/1234?ref=home", headers=BROWSER),
    make("GET", "/search?q=rock+%26+roll+100%25+%22quoted%22&page=", headers=BROWSER),
    make("GET", "/search?q=%E9t%E9", headers=BROWSER),
    make("POST", "/cart/items", body=b'{"product_id": 5, "quantity": 1}', headers=BROWSER),
    make("POST", "/login", body=b"user=a%40b.example&password=%26%3D%27--", headers=BROWSER),
    make("POST", "/checkout", body=b"name=O%27Neil&note=a%0D%0Ab", headers=BROWSER),
    make("GET", "/static/js/app.min.js?v=1.2.3", headers=BROWSER),
    make("GET", "/.well-known/security.txt", headers=BROWSER),
    make("OPTIONS", "/api/products/5/stock", headers=BROWSER),
    make("GET", "/not/on/the/map", headers=BROWSER),
]


@pytest.mark.parametrize("request_", GOOD_AT_THE_SHOP)
async def test_default_rules_let_good_requests_pass(request_: Request) -> None:
    assert not await shop().stopped(request_)


BAD_AT_THE_SHOP = [
    (make("GET", "/.env", headers=BROWSER), "forbidden-paths"),
    (make("GET", "/shop/.git/config", headers=BROWSER), "forbidden-paths"),
    (make("GET", "/%2e%67it%2fHEAD", headers=BROWSER), "forbidden-paths"),
    (make("GET", "/wp-login.php", headers=BROWSER), "forbidden-paths"),
    (make("GET", "/static/../../../etc/passwd", headers=BROWSER), "path-traversal"),
    (make("GET", "/static/%c0%ae%c0%ae/x", headers=BROWSER), "path-encoding"),
    (make("GET", "/products/12%00.jpg", headers=BROWSER), "path-encoding"),
    (make("GET", "/products/12%27--", headers=BROWSER), "product"),
    (make("GET", "/category/x?page=1%20or%201=1", headers=BROWSER), "category"),
    (make("GET", "/search?q=%00", headers=BROWSER), "query-encoding"),
    (make("TRACE", "/", headers=BROWSER), "known-methods"),
    (make("GET", "/", headers=(*BROWSER, ("x", "a\nb"))), "header-characters"),
    (make("GET", "/", headers=(*BROWSER, ("x", MEGABYTE))), "header-size"),
    (make("POST", "/cart/items", body=b'{"product_id": 5, "quantity": 1000}'), "cart-add"),
    (make("POST", "/login", body=b"user=a"), "login"),
]


@pytest.mark.parametrize(("request_", "rule"), BAD_AT_THE_SHOP)
async def test_default_rules_stop_bad_requests(request_: Request, rule: str) -> None:
    hits = await shop().hits(request_)
    assert rule in {hit.rule_id for hit in hits if not hit.observed}


def browsed() -> list[Request]:
    with gzip.open(SHARED / "requests" / "real_browsing_sample.jsonl.gz", "rt") as lines:
        return [_browsed(json.loads(line)) for line in lines]


def _browsed(line: dict[str, Any]) -> Request:
    headers = tuple((name.lower(), value) for name, value in line["headers"])
    return make(line["method"], line["uri"], headers=headers)


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the public data set folder is not there")
async def test_default_rules_stop_hardly_any_real_browsing() -> None:
    stage, requests = shop(), browsed()
    stopped = [request for request in requests if await stage.stopped(request)]
    assert len(stopped) / len(requests) < 0.002
