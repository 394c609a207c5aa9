"""The public CRS and its request-phase regression tests, for tests that use them."""

import base64
import gzip
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from riskengine.request import Request, make_request
from riskengine.seclang.building import build
from riskengine.seclang.evaluation import Evaluation
from riskengine.seclang.fast import FastRules, Outcome
from riskengine.seclang.pattern_cache import PatternCache, default_directory
from riskengine.seclang.reader import read_rules
from riskengine.seclang.rules import RuleSet
from riskengine.seclang.specialize import specialize

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


def crs_tx(paranoia: int) -> dict[str, bytes]:
    """What the set-up says, for tests that run the CRS on its own."""
    return {"blocking_paranoia_level": b"%d" % paranoia, "crs_setup_version": b"429"}


def fast_rules(rules: RuleSet, tx: dict[str, bytes]) -> FastRules:
    """The fast evaluator; patterns that were compiled before are taken from the user's cache."""
    return build(specialize(rules, tx), PatternCache(default_directory()).compiled)


def findings(evaluation: Evaluation | Outcome) -> object:
    """Which rules fired, on what, for how many points, and which one stopped the request."""
    fired = [(one.rule.id, one.found, one.points) for one in evaluation.fired if one.rule.recorded]
    return fired, evaluation.stopped.rule.id if evaluation.stopped is not None else 0


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
