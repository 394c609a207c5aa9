"""What the signatures find and what they stop by mistake: the figures of docs/detection.md.

Runs the rules that ship, `rules/`, with the OWASP CRS switched on as docs/signatures.md says, over
public payloads (one parameter of an otherwise plain request) and over requests that are known to be
good. Where libmodsecurity's Python binding is installed (`pip install libmodsecurity`), the same
payloads go through it, with all rules of the same CRS.

    python -m benchmarks.detection [--data DIR] [--crs DIR] [--most N]
        [--part recall|stopped] [--json]
"""

import argparse
import asyncio
import base64
import csv
import gzip
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.engine import Engine
from riskengine.request import Request, make_request
from riskengine.ruleset.addresses import AddressesFile
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.bots import BotsFile
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.parameters import ParametersFile
from riskengine.seclang.pattern_cache import PatternCache, default_directory
from riskengine.seclang.transforms import TRANSFORMS

RULES = Path(__file__).parents[1] / "rules"
DATA = Path(__file__).parents[2] / "shared" / "data"
BATCH = 64
ATTACKS = range(930_000, 945_000)
HEADERS = (("host", "www.example.com"), ("user-agent", "Mozilla/5.0"), ("accept", "*/*"))

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
    stages: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)

    @property
    def stopped(self) -> int:
        """By whichever stage."""
        return self.stages.total()


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the public data")
    parser.add_argument("--crs", type=Path, help="an installed CRS; default: the one of the data")
    parser.add_argument("--most", type=int, default=2_500, help="payloads of one class")
    parser.add_argument("--part", choices=("recall", "stopped"), help="only one of the two tables")
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args()
    crs = options.crs or options.data / "crs" / "ruleset"
    found: dict[str, Recall] = {}
    stopped: dict[str, Mistakes] = {}
    if options.part != "stopped":
        reference = reference_finds(crs)
        classes = payloads(options.data / "attack_payloads", options.most)
        judge = Judge(crs, only_signatures=True)
        found = {kind: recall(judge, reference, values) for kind, values in classes.items()}
    if options.part != "recall":
        sets = good_requests(options.data / "requests")
        judge = Judge(crs)
        stopped = {name: mistakes(judge, requests) for name, requests in sets.items()}
    if options.json:
        print(json.dumps({"recall": _plain(found), "stopped": _plain(stopped)}, indent=2))
        return
    _show(found, stopped)


class Judge:
    """The engine with the rules that ship and a CRS; without what depends on earlier requests."""

    def __init__(
        self, crs: Path, *, only_signatures: bool = False, everything_on: bool = False
    ) -> None:
        """`everything_on` is the CRS as it comes: no exclusions, no policies but its own."""
        patterns = PatternCache(default_directory())
        shipped = load_ruleset(RULES)
        [one] = shipped.signatures.sets
        variables = {} if everything_on else one.variables
        with_crs = one.model_copy(update={"crs": str(crs), "variables": variables})
        left_out = () if everything_on else shipped.signatures.exclusions
        changed = {"sets": (with_crs,), "exclusions": left_out}
        signatures = shipped.signatures.model_copy(update=changed)
        rules = replace(
            shipped,
            signatures=signatures,
            addresses=AddressesFile(),
            bots=BotsFile(),
            parameters=ParametersFile() if only_signatures else shipped.parameters,
            limits=LimitsFile(),
            behavior=BehaviorFile(),
            overrides={},
        )
        self._engine = Engine(rules, patterns=patterns, max_budget_s=60)

    def decisions(self, requests: list[Request]) -> list[Decision]:
        """What becomes of the requests, in their order."""
        return asyncio.run(self._decisions(requests))

    async def _decisions(self, requests: list[Request]) -> list[Decision]:
        found: list[Decision] = []
        for start in range(0, len(requests), BATCH):
            found += await self._engine.evaluate(requests[start : start + BATCH], budget_s=60)
        return found


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


def asked(value: str | bytes) -> Request:
    """A plain request with `value` as its one parameter."""
    return _asked(f"q={quote(value, safe='')}")


def good_requests(folder: Path) -> dict[str, list[Request]]:
    """The benign sets."""
    with gzip.open(folder / "real_browsing_sample.jsonl.gz") as lines:
        browsing = [browsed(json.loads(line)) for line in lines]
    with gzip.open(folder / "real_query_strings.jsonl.gz") as lines:
        queries = [_asked(json.loads(line)["query"]) for line in lines]
    return {"real browsing": browsing, "real query strings": queries}


def recall(judge: Judge, reference: Finds | None, values: list[bytes]) -> Recall:
    """How many of `values` the attack rules find, each as the one parameter of a request."""
    requests = [asked(value) for value in values]
    found = sum(map(_is_attack, judge.decisions(requests)))
    return Recall(
        len(values), found, None if reference is None else sum(reference(value) for value in values)
    )


def mistakes(judge: Judge, requests: list[Request]) -> Mistakes:
    """How many of the good `requests` are stopped, and by what."""
    result = Mistakes(len(requests))
    for decision in judge.decisions(requests):
        if decision.verdict is Verdict.ALLOW:
            continue
        result.stages[decision.stage] += 1
        scored = [hit for hit in decision.hits if _points(hit)]
        result.rules.update(hit.rule_id for hit in scored)
        if not scored:
            result.rules[decision.rule_id] += 1
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


def _is_attack(decision: Decision) -> bool:
    return any(_points(hit) and int(hit.rule_id) in ATTACKS for hit in decision.hits)


def _points(hit: RuleHit) -> int:
    """What a signature added; 0 for anything else."""
    if hit.reason != "signature.match":
        return 0
    return int(hit.detail.rpartition("(")[2].partition(" ")[0])


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


def browsed(line: dict[str, Any]) -> Request:
    """A request as the data sets write it: `method`, `uri`, `headers`, `body_b64`."""
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
        rules = dict(mistake.rules.most_common(8))
        print(f"{name:24}{mistake.requests:>10}{share:>10}   {dict(mistake.stages)} {rules}")


if __name__ == "__main__":
    main()
