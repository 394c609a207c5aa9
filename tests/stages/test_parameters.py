from typing import Any

import pytest

from riskengine.request import Request
from riskengine.ruleset.parameters import ParametersFile
from tests.stages.parameter_stage import MEGABYTE, Stage, checking, make, routing

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
