"""What the signatures find and what they stop by mistake: the figures of docs/detection.md.

Runs the OWASP CRS at level 1 through the fast evaluator over public payloads (one parameter of
an otherwise plain request) and over requests that are known to be good. Where libmodsecurity's
Python binding is installed (`pip install libmodsecurity`), the same payloads go through it, with
the same rules.

    python -m benchmarks.detection [--data DIR] [--most N] [--json]
"""

import argparse
import base64
import csv
import gzip
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from riskengine.request import Request, make_request
from riskengine.seclang.building import build
from riskengine.seclang.fast import FastRules, Outcome
from riskengine.seclang.pattern_database import compile_database
from riskengine.seclang.reader import read_rules
from riskengine.seclang.specialize import specialize
from riskengine.seclang.transforms import TRANSFORMS

DATA = Path(__file__).parents[2] / "shared" / "data"
BATCH = 64
ATTACKS = range(930_000, 945_000)
HEADERS = (("host", "www.example.com"), ("user-agent", "Mozilla/5.0"), ("accept", "*/*"))

LEFT_OUT = r"""
SecRuleRemoveById 920250 920420 920450 920340 920640 920470
SecRuleRemoveById 932130 933135 942190 941170 941210
SecRuleUpdateTargetById 932235 "!ARGS:tiba"
SecRule REQUEST_FILENAME "@endsWith /config.json" \
    "id:9000001,phase:1,pass,nolog,ctl:ruleRemoveById=930130"
"""
"""What the default rules leave out of the CRS, in SecLang; docs/detection.md gives the reasons."""

Finds = Callable[[bytes], bool]


@dataclass(slots=True)
class Recall:
    """How much of one class is found by rules 930 to 944."""

    payloads: int
    found: int
    reference: int | None = None


@dataclass(slots=True)
class Mistakes:
    """How many good requests are stopped, and by which rules."""

    requests: int
    stopped: int = 0
    rules: Counter[int] = field(default_factory=Counter)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the public data")
    parser.add_argument("--most", type=int, default=2_500, help="payloads of one class")
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args()
    rules = default_rules(options.data / "crs" / "ruleset")
    reference = reference_finds(options.data / "crs" / "ruleset")
    found = {
        kind: recall(rules, reference, values)
        for kind, values in payloads(options.data / "attack_payloads", options.most).items()
    }
    stopped = {
        name: mistakes(rules, requests)
        for name, requests in good_requests(options.data / "requests").items()
    }
    if options.json:
        print(json.dumps({"recall": _plain(found), "stopped": _plain(stopped)}, indent=2))
        return
    _show(found, stopped)


def default_rules(crs: Path, *, left_out: str = LEFT_OUT) -> FastRules:
    """The CRS with its own set-up example, without what the default rules leave out."""
    with tempfile.TemporaryDirectory() as directory:
        own = Path(directory) / "left-out.conf"
        own.write_text(left_out)
        files = [crs / "crs-setup.conf.example", *sorted((crs / "rules").glob("REQUEST-*.conf"))]
        # `ctl` has to stand before the rules that it removes, the other lines behind them.
        reading = read_rules([*files[:1], *_split(own), *files[1:], own])
    return build(specialize(reading.rules, {}), compile_database)


def _split(own: Path) -> list[Path]:
    first = own.with_name("before.conf")
    lines = own.read_text().partition("SecRule REQUEST_FILENAME")
    first.write_text("".join(lines[1:]))
    own.write_text(lines[0])
    return [first]


def payloads(folder: Path, most: int) -> dict[str, list[bytes]]:
    """At most `most` distinct payloads of each class, chosen by a fixed seed."""
    found: dict[str, list[bytes]] = {}
    with (folder / "http_params_train.csv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["attack_type"] != "norm":
                found.setdefault(row["attack_type"], []).append(row["payload"].encode())
    for kind in ("sqli", "xss"):
        for path in sorted((folder / "libinjection" / "data").glob(f"{kind}-*.txt")):
            lines = [line for line in path.read_bytes().splitlines() if line.strip()]
            found.setdefault(f"{kind}, libinjection's", []).extend(
                TRANSFORMS["urldecode"](line) for line in lines if not line.startswith(b"#")
            )
    chosen = random.Random(1)
    unique = {kind: list(dict.fromkeys(values)) for kind, values in found.items()}
    return {
        kind: values if len(values) <= most else chosen.sample(values, most)
        for kind, values in unique.items()
    }


def good_requests(folder: Path) -> dict[str, list[Request]]:
    """The benign sets."""
    with gzip.open(folder / "real_browsing_sample.jsonl.gz") as lines:
        browsing = [_browsed(json.loads(line)) for line in lines]
    with gzip.open(folder / "real_query_strings.jsonl.gz") as lines:
        queries = [_asked(json.loads(line)["query"]) for line in lines]
    return {"real browsing": browsing, "real query strings": queries}


def recall(rules: FastRules, reference: Finds | None, values: list[bytes]) -> Recall:
    """How many of `values` the rules find, each as the one parameter of a request."""
    requests = [_asked(f"q={quote(value, safe='')}") for value in values]
    found = sum(_is_attack(evaluation) for evaluation in _evaluated(rules, requests))
    return Recall(
        len(values), found, None if reference is None else sum(reference(value) for value in values)
    )


def mistakes(rules: FastRules, requests: list[Request]) -> Mistakes:
    """How many of the good `requests` are stopped, at the threshold of the CRS."""
    result = Mistakes(len(requests))
    for evaluation in _evaluated(rules, requests):
        if evaluation.stopped is not None:
            result.stopped += 1
            result.rules.update(fired.rule.id for fired in evaluation.fired if fired.points)
    return result


def reference_finds(crs: Path) -> Finds | None:
    """The same question to libmodsecurity, with all rules of the CRS; None where it is absent."""
    try:
        library: Any = import_module("libmodsecurity")
    except ImportError:
        return None
    rules = library.RulesSet()
    rules.load("SecRuleEngine DetectionOnly\nSecRequestBodyAccess On\n")
    for path in [crs / "crs-setup.conf.example", *sorted((crs / "rules").glob("REQUEST-*.conf"))]:
        rules.load_from_uri(str(path))
    engine = library.ModSecurity()

    def finds(value: bytes) -> bool:
        transaction = library.Transaction(engine, rules, None)
        transaction.process_connection("203.0.113.7", 5_000, "127.0.0.1", 443)
        transaction.process_uri(f"/?q={quote(value, safe='')}", "GET", "1.1")
        for name, content in HEADERS:
            transaction.add_request_header(name, content)
        with _quiet():
            transaction.process_request_headers()
            transaction.process_request_body()
        return any(int(message.rule_id) in ATTACKS for message in transaction.get_rule_messages())

    return finds


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what a C library prints to standard error."""
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _evaluated(rules: FastRules, requests: list[Request]) -> Iterator[Outcome]:
    for start in range(0, len(requests), BATCH):
        yield from rules.evaluate(requests[start : start + BATCH])


def _is_attack(evaluation: Outcome) -> bool:
    return any(fired.points and fired.rule.id in ATTACKS for fired in evaluation.fired)


def _asked(query: str) -> Request:
    return make_request(
        client_ip="203.0.113.7",
        method="GET",
        scheme="https",
        host="www.example.com",
        path="/",
        query=query,
        http_version="HTTP/1.1",
        headers=HEADERS,
    )


def _browsed(line: dict[str, Any]) -> Request:
    path, _, query = line["uri"].partition("?")
    body = base64.b64decode(line["body_b64"] or "")
    headers = tuple((name.lower(), value) for name, value in line["headers"])
    return make_request(
        client_ip="203.0.113.7",
        method=line["method"],
        scheme="https",
        host=dict(headers).get("host", ""),
        path=path or "/",
        query=query,
        http_version="HTTP/1.1",
        headers=headers,
        body=body,
        body_size=len(body),
    )


def _plain(results: dict[str, Recall] | dict[str, Mistakes]) -> dict[str, dict[str, Any]]:
    return {name: msgspec.to_builtins(result) for name, result in results.items()}


def _show(found: dict[str, Recall], stopped: dict[str, Mistakes]) -> None:
    print(f"{'class':24}{'payloads':>10}{'found':>10}{'ModSecurity':>14}")
    for kind, result in found.items():
        share = f"{result.found / result.payloads:.1%}"
        reference = "-" if result.reference is None else f"{result.reference / result.payloads:.1%}"
        print(f"{kind:24}{result.payloads:>10}{share:>10}{reference:>14}")
    print(f"\n{'good requests':24}{'requests':>10}{'stopped':>10}")
    for name, mistake in stopped.items():
        share = f"{mistake.stopped / mistake.requests:.2%}"
        print(f"{name:24}{mistake.requests:>10}{share:>10}   {dict(mistake.rules.most_common(6))}")


if __name__ == "__main__":
    main()
