"""The public CRS and its request-phase regression tests, for tests that use them."""

import base64
import gzip
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from riskengine.request import Request, make_request
from riskengine.seclang.reader import read_rules
from riskengine.seclang.rules import RuleSet

SHARED = Path(__file__).parents[3] / "shared" / "data"
CRS = SHARED / "crs" / "ruleset"


class Case(NamedTuple):
    """One regression test."""

    id: str
    file: str
    request: Request
    expected: frozenset[int]
    forbidden: frozenset[int]


@cache
def crs_rules() -> RuleSet:
    """The whole CRS with its set-up as shipped."""
    files = [CRS / "crs-setup.conf.example", *sorted((CRS / "rules").glob("REQUEST-*.conf"))]
    return read_rules(files).rules


@cache
def cases() -> list[Case]:
    """All regression tests."""
    with gzip.open(SHARED / "crs" / "request_tests.jsonl.gz", "rt") as lines:
        return [_case(json.loads(line)) for line in lines]


def read_request(row: dict[str, object]) -> Request:
    """A request as the data sets write it: `method`, `uri`, `headers`, `body_b64`."""
    path, _, query = str(row["uri"]).partition("?")
    rows: list[list[str]] = row["headers"]  # type: ignore[assignment]  # the data set's form
    headers = tuple((name.lower(), value) for name, value in rows)
    return make_request(
        client_ip="203.0.113.9",
        method=str(row["method"]),
        path=path or "/",
        query=query,
        headers=headers,
        host=dict(headers).get("host", ""),
        body=base64.b64decode(str(row.get("body_b64") or "")),
    )


def _case(row: dict[str, object]) -> Case:
    expected: list[int] = row["expect"]  # type: ignore[assignment]  # the data set's form
    forbidden: list[int] = row["no_expect"]  # type: ignore[assignment]  # the data set's form
    return Case(
        str(row["id"]),
        str(row["cls"]),
        read_request(row),
        frozenset(expected),
        frozenset(forbidden),
    )
