import re
from typing import Any

import pytest
from pydantic import ValidationError

from riskengine.decision import Verdict
from riskengine.ruleset.parameters import ParametersFile


def read(**file: Any) -> ParametersFile:
    return ParametersFile.model_validate(file)


def check(**fields: Any) -> dict[str, Any]:
    return {"id": "c", "description": "What it is for.", **fields}


def query_of(**spec: Any) -> dict[str, Any]:
    return {"id": "r", "path": "/r", "query": {"p": spec}}


def test_empty_file_checks_nothing() -> None:
    assert (read().checks, read().routes) == ((), ())


def test_check_denies_and_enforces_unless_it_says_otherwise() -> None:
    rule = read(checks=[check(check="size", of="path", max=10)]).checks[0]
    assert (rule.verdict, rule.mode) == (Verdict.DENY, "enforce")


def test_json_parameters_nest() -> None:
    items = {"type": "array", "items": {"type": "object", "fields": {"id": {"type": "integer"}}}}
    route = read(routes=[{"id": "r", "path": "/r", "json": {"items": items}}]).routes[0]
    assert route.json_fields is not None
    assert route.json_fields["items"].items is not None


WRONG_CHECKS = [
    ({"check": "size", "of": "path"}, "Field required"),
    ({"check": "size", "of": "cookie", "max": 1}, "'path', 'query', 'header', 'headers' or 'body'"),
    ({"check": "size", "of": "path", "max": -1}, "greater than or equal to 0"),
    ({"check": "size", "of": "path", "max": 1, "min": 0}, "Extra inputs"),
    ({"check": "path_oddities", "oddities": ["odd"]}, "must be one of above_root, absolute_form"),
    ({"check": "query_oddities", "oddities": ["above_root"]}, "must be one of control_character"),
    ({"check": "forbidden_paths", "paths": ["x"]}, "must begin with '/'"),
    ({"check": "forbidden_paths", "paths": []}, "at least 1 item"),
    ({"check": "allowed_methods", "methods": []}, "must be a list of at least one method"),
    ({"check": "allowed_methods", "methods": ["get"]}, "must be a method in upper case"),
    ({"check": "parameter_count", "max": 100_000}, "less than or equal to 1024"),
    ({"check": "route_methods", "verdict": "allow"}, "must be throttle or deny"),
    ({"check": "guess"}, "does not match any of the expected tags"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG_CHECKS)
def test_wrong_check_is_refused_with_the_reason(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        read(checks=[check(**fields)])


WRONG_SPECS = [
    ({"type": "text"}, "Input should be 'string', 'integer'"),
    ({"pattern": "(?=a)b"}, "must be an RE2 pattern (linear time: no look-around"),
    ({"pattern": r"(a)\1"}, "invalid escape sequence"),
    ({"pattern": "("}, "missing ): ("),
    ({"min": 1}, "min is only for type integer or number, got type string"),
    ({"type": "integer", "max_length": 1}, "max_length is only for type string or array"),
    ({"type": "integer", "pattern": "1"}, "pattern is only for type string, got type integer"),
    ({"type": "boolean", "enum": ["x"]}, "enum is only for type string or integer"),
    ({"type": "integer", "min": 2, "max": 1}, "min must be at most max (1), got 2"),
    ({"min_length": 2, "max_length": 1}, "min_length must be at most max_length (1), got 2"),
    ({"enum": [1]}, "enum of type string must be text; put it in quotes, got 1"),
    ({"type": "integer", "enum": ["1"]}, 'enum of type integer must be whole numbers, got "1"'),
    ({"type": "number", "max": float("nan")}, "finite number"),
    ({"type": "array"}, "query.p.type must not be array: only json has those"),
    ({"requierd": True}, "Extra inputs"),
]


@pytest.mark.parametrize(("spec", "message"), WRONG_SPECS)
def test_wrong_parameter_is_refused_with_the_reason(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        read(routes=[query_of(**spec)])


WRONG_ROUTES = [
    ({"captures": {"slug": {}}}, 'must be names in braces of the path (id), got "slug"'),
    ({"content_types": ["JSON"]}, "must be a media type in lower case such as application/json"),
    ({"max_body": -1}, "greater than or equal to 0"),
    ({"unknown": "deny"}, "'allow', 'observe' or 'stop'"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG_ROUTES)
def test_wrong_route_is_refused_with_the_reason(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        read(routes=[{"id": "r", "path": "/r/{id}", **fields}])


def test_two_routes_for_one_place_are_refused_by_name() -> None:
    routes = [{"id": "a", "path": "/x/{id}"}, {"id": "b", "path": "/x/{name}", "methods": ["GET"]}]
    with pytest.raises(ValidationError, match=r"routes a and b both claim GET /x/\{name\}"):
        read(routes=routes)
