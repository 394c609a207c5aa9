"""More figures of docs/detection.md and docs/signatures.md, beside those of benchmarks.detection.

    python -m benchmarks.signature_quality [--data DIR] [--part PART]

Parts: `everything-on`, good traffic through the CRS as it comes; `csic`, the anomalies of a shop;
`operators`, detectSQLi and detectXSS alone; `crs-tests`, the CRS's regression tests at level 4.
"""

import argparse
import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.detection import DATA, Judge, browsed, good_requests, mistakes
from riskengine.decision import Verdict
from riskengine.request import Request
from riskengine.seclang.operators_contract import Match
from riskengine.seclang.sqli import detect_sqli
from riskengine.seclang.transforms import TRANSFORMS
from riskengine.seclang.transforms_urls import url_decode
from riskengine.seclang.xss import detect_xss
from tests.seclang.crs_requests import cases, crs_rules, crs_tx, fast_rules

DETECTORS: Mapping[str, tuple[Callable[[bytes], Match | None], tuple[str, ...]]] = {
    "detectSQLi": (detect_sqli, ("utf8tounicode", "urldecodeuni", "removenulls")),
    "detectXSS": (
        detect_xss,
        ("utf8tounicode", "urldecodeuni", "htmlentitydecode", "jsdecode", "cssdecode",
         "removenulls"),
    ),
}  # fmt: skip
"""Each with the transformations that the CRS puts before it."""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the public data")
    parser.add_argument("--part", choices=PARTS, help="only one of them")
    options = parser.parse_args()
    for name in [options.part] if options.part else PARTS:
        print(f"\n{name}")
        PARTS[name](options.data)


def everything_on(data: Path) -> None:
    """What of good traffic is stopped, with only signatures and all of them."""
    judge = Judge(data / "crs" / "ruleset", only_signatures=True, everything_on=True)
    for name, requests in good_requests(data / "requests").items():
        result = mistakes(judge, requests)
        share = f"{result.stopped / result.requests:.2%}"
        print(f"{name:24}{share:>10}   {dict(result.rules.most_common(5))}")


def csic(data: Path) -> None:
    """What of a shop's requests signatures stop: of the good ones and of the anomalies."""
    judge = Judge(data / "crs" / "ruleset", only_signatures=True)
    by_label: dict[str, list[Request]] = defaultdict(list)
    with gzip.open(data / "requests" / "csic2010_sample.jsonl.gz") as rows:
        for row in map(json.loads, rows):
            by_label[row["label"]].append(browsed(row))
    for label, requests in by_label.items():
        stopped = sum(one.verdict is not Verdict.ALLOW for one in judge.decisions(requests))
        print(f"{label:24}{stopped:>6} of {len(requests)}: {stopped / len(requests):.1%}")


def operators(data: Path) -> None:
    """What detectSQLi and detectXSS find in lists of values."""
    for name, values in value_sets(data).items():
        figures = ""
        for detect, steps in DETECTORS.values():
            found = sum(detect(transformed(value, steps)) is not None for value in values)
            figures += f"{found:>8} {found / len(values):>7.1%}"
        print(f"{name:32}{len(values):>7}{figures}")


def crs_tests(_: Path) -> None:
    """Which share of expected rules fire, and of forbidden ones do not."""
    for name, share in macro_averages().items():
        print(f"{name:24}{share:>8.2%}")


def macro_averages() -> dict[str, float]:
    """Shares of what is as it should be at level 4, each the mean over rule files."""
    expected: dict[str, list[bool]] = defaultdict(list)
    forbidden: dict[str, list[bool]] = defaultdict(list)
    fast = fast_rules(crs_rules(), crs_tx(4))
    for case, outcome in zip(cases(), fast.evaluate([c.request for c in cases()]), strict=True):
        fired = {one.rule.id for one in outcome.fired}
        expected[case.file] += [rule in fired for rule in case.expected]
        forbidden[case.file] += [rule not in fired for rule in case.forbidden]
    return {"expected": _mean(expected), "forbidden": _mean(forbidden)}


def value_sets(data: Path) -> dict[str, list[bytes]]:
    """Values by where they are from."""
    folder = data / "attack_payloads"
    sets = {
        f"libinjection's {kind}": list(_lines(folder / "libinjection" / "data", f"{kind}*.txt"))
        for kind in ("sqli-", "xss-", "false_positives")
    }
    with (folder / "http_params_train.csv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            sets.setdefault(f"http-params {row['attack_type']}", []).append(row["payload"].encode())
    with gzip.open(data / "requests" / "csic2010_normal_training.txt.gz") as text:
        sets["CSIC shop, normal, distinct"] = list(dict.fromkeys(_arguments(text)))
    return sets


def transformed(value: bytes, steps: Iterable[str]) -> bytes:
    """`value` behind these transformations."""
    for step in steps:
        value = TRANSFORMS[step](value)
    return value


def _lines(folder: Path, pattern: str) -> Iterator[bytes]:
    for path in sorted(folder.glob(pattern)):
        lines = path.read_bytes().splitlines()
        yield from (line for line in lines if line and not line.startswith(b"#"))


def _arguments(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The values in queries and forms of requests that were recorded as HTTP text."""
    for line in lines:
        words = line.split()
        pairs = words[1].partition(b"?")[2] if len(words) == 3 else line.strip()
        for pair in pairs.split(b"&"):
            if (value := pair.partition(b"=")[2]) and b": " not in line:
                yield url_decode(value)


def _mean(results: Mapping[str, list[bool]]) -> float:
    shares = [sum(file) / len(file) for file in results.values() if file]
    return sum(shares) / len(shares)


PARTS: Mapping[str, Callable[[Path], None]] = {
    "everything-on": everything_on,
    "csic": csic,
    "operators": operators,
    "crs-tests": crs_tests,
}


if __name__ == "__main__":
    main()
