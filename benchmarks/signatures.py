"""CPU time of the CRS for one request, beside libmodsecurity with the same files in the same run.

Both sides run in this process, on one core, over the same requests: ours in batches of 64,
libmodsecurity (driven through its C interface) one by one, in rounds that take turns. Figures are
medians of rounds, ratios those of the same round.

Nothing is measured twice: our evaluator remembers short values, so it first sees requests that do
not count (real clients would have sent them before), and then each request that does count exactly
once. Each turn begins with some that do not count, so that neither side pays for the caches of the
processor being full of the other's data. Headers that real clients share stay shared. `random
values` shares next to nothing, `seen before` are the benign requests once more. How many requests
each side stops is printed, too: both do evaluate, and a known attack must fire the same rule in
both.

Without `--data` the benign requests are those of data/samples and the CRS is Debian's
(`modsecurity-crs`). What is not installed is named and left out.

    python -m benchmarks.signatures [--data DIR] [--crs DIR] [--rounds N] [--json]
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import modsecurity_nginx
from benchmarks.modsecurity import ModSecurity
from benchmarks.signature_requests import (
    benign_requests,
    hostile_requests,
    query_requests,
    random_requests,
)
from riskengine.clock import cpu_seconds
from riskengine.collector import collect_rarely
from riskengine.request import Request, make_request
from riskengine.seclang.building import build
from riskengine.seclang.fast import FastRules
from riskengine.seclang.pattern_cache import PatternCache, default_directory
from riskengine.seclang.reader import read_rules
from riskengine.seclang.specialize import specialize

DATA = Path(__file__).parents[2] / "shared" / "data"
INSTALLED = Path("/usr/share/modsecurity-crs")
BATCH, ROUND, ROUNDS = 64, 256, 5
FLOORS = {1: 15.0, 4: 10.0}
"""How many times cheaper benign requests must be, by paranoia level."""
BENIGN = "benign"
ATTACK = ("file=../../../../etc/passwd", 930120)
"""A query, and a rule of every CRS that it must fire."""
_LEVEL = (
    'SecAction "id:900000,phase:1,pass,t:none,nolog,setvar:tx.paranoia_level={0},'
    'setvar:tx.blocking_paranoia_level={0},setvar:tx.detection_paranoia_level={0}"'
)


@dataclass(slots=True)
class Figures:
    """Requests of one kind at one paranoia level. Rounds in microseconds a request."""

    level: int
    kind: str
    requests: int = 0
    ours_us: list[float] = field(default_factory=list)
    theirs_us: list[float] = field(default_factory=list)
    stopped: tuple[int, int] = (0, 0)
    """By us and by them."""

    @property
    def ratio(self) -> float:
        """How many times cheaper we are; the median of the rounds."""
        pairs = zip(self.ours_us, self.theirs_us, strict=True)
        return statistics.median(theirs / ours for ours, theirs in pairs)


class Contest:
    """Both sides with the same files."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.ours = _built(files)
        self.theirs = ModSecurity(files)
        self._lead: Sequence[Request] = ()

    def check(self) -> None:
        """AssertionError where either does not see an attack that it must see."""
        query, rule = ATTACK
        headers = (("host", "www.example.com"), ("user-agent", "curl"), ("accept", "*/*"))
        request = make_request(
            client_ip="203.0.113.7", method="GET", path="/", query=query, headers=headers,
            http_version="HTTP/1.1",
        )  # fmt: skip
        [outcome] = self.ours.evaluate([request])
        assert rule in {fired.rule.id for fired in outcome.fired}, f"ours misses {rule}"
        assert rule in self.theirs.fired(request), f"libmodsecurity misses {rule}"

    def measure(self, figures: Figures, requests: Sequence[Request]) -> None:
        """One round."""
        sides = [self._ask_us, self._ask_them]
        results = {}
        for side in sides if len(figures.ours_us) % 2 else reversed(sides):
            side(self._lead)
            started = cpu_seconds()
            stopped = side(requests)
            results[side] = ((cpu_seconds() - started) / len(requests) * 1e6, stopped)
        figures.requests += len(requests)
        figures.ours_us.append(results[self._ask_us][0])
        figures.theirs_us.append(results[self._ask_them][0])
        by_us, by_them = figures.stopped
        figures.stopped = (
            by_us + results[self._ask_us][1],
            by_them + results[self._ask_them][1],
        )

    def warm(self, requests: Sequence[Request]) -> None:
        """Requests that do not count; some of them lead each turn in."""
        self._ask_us(requests)
        self._lead = requests[-BATCH:]

    def _ask_us(self, requests: Sequence[Request]) -> int:
        return sum(
            outcome.stopped is not None
            for start in range(0, len(requests), BATCH)
            for outcome in self.ours.evaluate(requests[start : start + BATCH])
        )

    def _ask_them(self, requests: Sequence[Request]) -> int:
        return sum(map(self.theirs.judge, requests))


def crs_files(crs: Path, level: int, folder: Path) -> list[Path]:
    """The request phases of a CRS as it lies there, at a paranoia level."""
    own = folder / f"level-{level}.conf"
    own.write_text(_LEVEL.format(level) + "\n")
    known = (crs / "crs-setup.conf.example", Path("/etc/modsecurity/crs/crs-setup.conf"))
    setup = [path for path in known if path.is_file()][:1]
    return [*setup, own, *sorted((crs / "rules").glob("REQUEST-*.conf"))]


def _built(files: Sequence[Path]) -> FastRules:
    cache = PatternCache(default_directory())
    return build(specialize(read_rules(list(files)).rules, {}), cache.compiled)


def run(data: Path, crs: Path, rounds: int) -> list[Figures]:
    """All kinds of requests at both levels."""
    benign = benign_requests(data)
    count = min(rounds * ROUND, len(benign) * 2 // 3)
    kinds = {
        BENIGN: benign[:count],
        "seen before": benign[:count],
        "query strings": query_requests(data)[:count],
        "random values": random_requests(count),
        "hostile values": hostile_requests(data, count),
    }
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for level in FLOORS:
            contest = Contest(crs_files(crs, level, Path(folder)))
            contest.check()
            contest.warm(benign[count:])
            collect_rarely()  # as serving processes do
            for kind, requests in kinds.items():
                if requests:
                    figures.append(_measured(contest, level, kind, requests))
    return figures


def _measured(contest: Contest, level: int, kind: str, requests: Sequence[Request]) -> Figures:
    figures = Figures(level, kind)
    for start in range(0, len(requests), ROUND):
        contest.measure(figures, requests[start : start + ROUND])
    return figures


def over_loopback(data: Path, crs: Path) -> dict[str, float]:
    """Microseconds of nginx for a benign request, without and with the module, by level."""
    requests = benign_requests(data)[: 2 * ROUND]
    costs = {"nginx alone": _loopback_us(requests, crs, None)}
    for level in FLOORS:
        costs[f"nginx + ModSecurity, level {level}"] = _loopback_us(requests, crs, level)
    return costs


def _loopback_us(requests: Sequence[Request], crs: Path, level: int | None) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = crs_files(crs, level, folder) if level is not None else None
        with modsecurity_nginx.guarded(files, folder) as proxy:
            return modsecurity_nginx.cost_us(proxy, requests)[0]


def missing(data: Path, crs: Path) -> list[str]:
    """What is not there, and what that means."""
    found = []
    if not (data / "requests").is_dir():
        found.append(f"no requests in {data}: benign ones are the project's own sample")
    if not (data / "attack_payloads").is_dir():
        found.append(f"no payloads in {data}: hostile values are left out")
    if not modsecurity_nginx.MODULE.is_file():
        found.append(f"no {modsecurity_nginx.PACKAGE}: nginx over loopback is left out")
    if crs == INSTALLED:
        found.append("the CRS is Debian's, not 4.29: figures are not those of docs/signatures.md")
    return found


def main() -> None:
    """Print the figures; exit 1 below the floors, 2 where a side is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the public data")
    parser.add_argument("--crs", type=Path, help="an unpacked CRS (default: in the data, Debian's)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {ROUND} requests each")
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args()
    ours = options.data / "crs" / "ruleset"
    crs = options.crs or (ours if ours.is_dir() else INSTALLED)
    try:
        figures = run(options.data, crs, options.rounds)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"nothing was measured: {error}; `apt-get install libmodsecurity3`?\n")
        sys.exit(2)
    nginx = over_loopback(options.data, crs) if modsecurity_nginx.MODULE.is_file() else {}
    gaps = missing(options.data, crs)
    if options.json:
        rows = [{**asdict(one), "ratio": round(one.ratio, 2)} for one in figures]
        print(json.dumps({"figures": rows, "nginx_us": nginx, "missing": gaps}, indent=2))
    else:
        _show(figures, nginx, gaps)
    sys.exit(any(one.kind == BENIGN and one.ratio < FLOORS[one.level] for one in figures))


def _show(figures: Sequence[Figures], nginx: dict[str, float], gaps: Sequence[str]) -> None:
    columns = f"{'ours':>10}{'libmodsec.':>12}{'ratio':>8}{'floor':>7}{'stopped: ours/theirs':>23}"
    print(f"{'level':7}{'requests':16}{'count':>6}{columns}")
    for one in figures:
        ours, theirs = statistics.median(one.ours_us), statistics.median(one.theirs_us)
        floor = f"{FLOORS[one.level]:.0f}x" if one.kind == BENIGN else "-"
        print(
            f"{one.level:<7}{one.kind:16}{one.requests:>6}{ours:>7.0f} us{theirs:>9.0f} us"
            f"{one.ratio:>7.1f}x{floor:>7}{'{} / {}'.format(*one.stopped):>23}"
        )
    for name, cost in nginx.items():
        print(f"{name:40}{cost:>10.0f} us of its worker, over loopback")
    for gap in gaps:
        print(f"missing: {gap}")


if __name__ == "__main__":
    main()
