"""What the scan budget of a request means in time: hostile requests through the signatures.

Runs the set that ships, with the CRS given, at paranoia levels 1 and 4, and prints the CPU time of
each request with the whole budget and with that of a busy engine (an eighth).

    python -m benchmarks.hostile [--crs DIR]
"""

import argparse
import time
import zlib
from pathlib import Path

from riskengine.request import Request, make_request
from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.signatures import SignatureSet
from riskengine.seclang.fast import FastRules, Outcome
from riskengine.seclang.pattern_cache import PatternCache, default_directory
from riskengine.stages.signature_sets import CompiledSet

RULES = Path(__file__).parents[1] / "rules"
CRS = Path(__file__).parents[2] / "shared" / "data" / "crs" / "ruleset"
MEGABYTE = 1 << 20
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--crs", type=Path, default=CRS, help="an installed CRS")
    crs = parser.parse_args().crs
    print(f"{'ms of CPU':34}{'level 1':>10}{'busy':>8}{'level 4':>10}{'busy':>8}")
    levels = [compiled(crs, paranoia) for paranoia in (1, 4)]
    for name, request in hostile().items():
        figures = ""
        for rules, source in levels:
            whole, outcome = judged(rules, request, source.budget)
            busy, _ = judged(rules, request, source.budget // 8)
            figures += f"{whole:10.0f}{busy:8.0f}"
        print(f"{name:34}{figures}  {'budget' if outcome.exhausted else ''} {outcome.unread}")


def compiled(crs: Path, paranoia: int) -> tuple[FastRules, SignatureSet]:
    """The set that ships with that CRS at that level."""
    shipped = load_ruleset(RULES)
    source = shipped.signatures.sets[0].model_copy(update={"crs": str(crs), "paranoia": paranoia})
    cache = PatternCache(default_directory())
    made = CompiledSet(source, shipped.signatures.exclusions, RULES, cache)
    return made.variant_of("").rules, source


def judged(rules: FastRules, request: Request, budget: int) -> tuple[float, Outcome]:
    """Milliseconds of CPU, and what came out."""
    started = time.process_time()
    [outcome] = rules.evaluate([request], budget)
    return (time.process_time() - started) * 1e3, outcome


def hostile() -> dict[str, Request]:
    """Requests made to cost much, by name."""
    many = "&".join(f"p{number}={number}" for number in range(10_000))
    quotes = "&".join(f"p{number}=" + "a'b" * 80 for number in range(1_000))
    return {
        "a megabyte of ( in the query": ask(query="q=" + "(" * MEGABYTE),
        "a megabyte of %25252527": ask(query="q=" + "%25252527" * (MEGABYTE // 9)),
        "10 000 parameters": ask(query=many),
        "a parameter of 100 KB": ask(query="q=" + "a b " * 25_000),
        "a megabyte of ( in a form": ask(b"q=" + b"(" * MEGABYTE),
        "10 000 parameters of a form": ask(many.encode()),
        "1 000 parameters full of quotes": ask(quotes.encode()),
        "100 KB of SQL": ask(b"q=" + b"select x from y where " * 4_500),
        "JSON nested 1 000 deep": ask(b"[" * 1_000 + b"]" * 1_000, JSON),
        "a gzip bomb of 50 MB": ask(packed(bytes(50_000_000)), FORM, "gzip"),
        "a gzip bomb of JSON": ask(packed(b"[" + b"{}," * 16_000_000 + b"1]"), JSON, "gzip"),
    }


def ask(body: bytes = b"", kind: str = FORM, coding: str = "", query: str = "") -> Request:
    """A request with that in it, otherwise plain."""
    headers = [("user-agent", "Mozilla/5.0"), ("accept", "*/*"), ("content-type", kind)]
    if coding:
        headers.append(("content-encoding", coding))
    return make_request(
        client_ip="203.0.113.7",
        method="POST" if body else "GET",
        path="/",
        query=query,
        host="www.example.com",
        http_version="HTTP/1.1",
        headers=tuple(headers),
        body=body,
    )


def packed(body: bytes) -> bytes:
    """`body` in gzip."""
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(body) + packer.flush()


if __name__ == "__main__":
    main()
