"""`riskengine limits show`, `reset` and `top`: the counters of a running store."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from riskengine.analyst.counter_limits import RuleLimits, counter_reports
from riskengine.analyst.counter_tables import counters_table, top_tables
from riskengine.analyst.top_keys import TopReport, top_report
from riskengine.analyst.wanted_counters import wanted_counters
from riskengine.errors import InputError, SettingsError
from riskengine.ruleset.loader import load_ruleset
from riskengine.store.counter_search import CounterSearch, Found
from riskengine.store.hot_keys import minute_name
from riskengine.store.redis_urls import SERVERS
from riskengine.store.running import find_embedded

_SCAN_MAX = 5_000_000
_MINUTES_MAX = 15
_PIPE_COLUMNS = 120

StoreOption = Annotated[
    str,
    typer.Option(
        envvar="RISKENGINE_STORE",
        help="URL of the store as `serve` takes it, or embedded: that of the service that runs on "
        "this machine.",
    ),
]
RulesOption = Annotated[
    Path, typer.Option(help="Rules that say how much is allowed; none are needed.")
]
KeyArgument = Annotated[
    str, typer.Argument(help="Whom: 203.0.113.7, user:ann, a whole subject, or a whole key.")
]
ScanOption = Annotated[int, typer.Option(min=1, help="Most keys of the store that are looked at.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show(
    key: KeyArgument,
    store: StoreOption = "embedded",
    rules: RulesOption = Path("rules"),
    scan_max: ScanOption = _SCAN_MAX,
    as_json: JsonOption = False,
) -> None:
    """Show the counters of somebody: windows, counts, and what is left.

    Exit codes: 0 done (also where there are none), 2 the store does not answer or an argument is
    not usable, 3 the rules do not load.
    """
    limits = _limits(rules)
    found, now_us = asyncio.run(_find(_url(store), key, scan_max))
    reports = counter_reports(found.counters, limits, now_us)
    _warn_incomplete(found, scan_max)
    if as_json:
        _print_json({"complete": found.complete, "counters": reports})
    elif reports:
        _console().print(counters_table(reports))
    else:
        typer.echo(f"no counters of {key}")


def reset(
    key: KeyArgument,
    store: StoreOption = "embedded",
    rule: Annotated[str | None, typer.Option(help="Only the counters of this rule.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    scan_max: ScanOption = _SCAN_MAX,
    as_json: JsonOption = False,
) -> None:
    """Forget the counters of somebody, who then has all of every limit again.

    Exit codes: 0 done, 2 the answer was no, the store does not answer, or an argument is not
    usable.
    """
    url = _url(store)
    found, _ = asyncio.run(_find(url, key, scan_max))
    counters = [one for one in found.counters if rule is None or one.key.rule_id == rule]
    _warn_incomplete(found, scan_max)
    if counters and not yes:
        _confirm([one.key.text for one in counters])
    deleted = asyncio.run(_delete(url, Found(counters, found.complete)))
    if as_json:
        _print_json({"deleted": deleted, "keys": [one.key.text for one in counters]})
    else:
        typer.echo(f"{deleted} counters of {key} are gone")


def top(
    store: StoreOption = "embedded",
    rules: RulesOption = Path("rules"),
    minutes: Annotated[
        int, typer.Option(min=1, max=_MINUTES_MAX, help="How far to look back.")
    ] = 1,
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, max=100, help="How many keys of each kind.")
    ] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show the hottest keys, those nearest to their limit, and those refused most.

    Exit codes: 0 done, 2 the store does not answer or an argument is not usable, 3 the rules do not
    load.
    """
    known = _limits(rules)
    report = asyncio.run(_top(_url(store), known, minutes, number))
    if as_json:
        _print_json(report)
        return
    console = _console()
    for table in top_tables(report):
        console.print(table)


def _url(store: str) -> str:
    if store == "embedded":
        return find_embedded()
    if not store.startswith(SERVERS):
        raise SettingsError(
            "--store must be embedded, redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH, or "
            f"redis+sentinel:// or redis+cluster://, got {store!r}"
        )
    return store


def _limits(rules: Path) -> RuleLimits:
    """What the rules allow; the default directory may be missing."""
    if not rules.is_dir() and rules == Path("rules"):
        return RuleLimits(None)
    return RuleLimits(load_ruleset(rules))


async def _find(url: str, key: str, scan_max: int) -> tuple[Found, int]:
    async with CounterSearch(url) as search:
        now_us = await search.now_us()
        return await search.find(wanted_counters(key), scan_max=scan_max), now_us


async def _delete(url: str, found: Found) -> int:
    async with CounterSearch(url) as search:
        return await search.delete(found.counters)


async def _top(url: str, limits: RuleLimits, minutes: int, number: int) -> TopReport:
    async with CounterSearch(url) as search:
        seconds = await search.now_us() / 1_000_000
        last = int(seconds // 60)
        names = [minute_name(minute) for minute in range(last - minutes, last + 1)]
        hashes = await search.hashes(names)
    return top_report(hashes, limits, covered_s=60 * minutes + seconds % 60, number=number)


def _confirm(keys: Sequence[str]) -> None:
    for key in keys:
        typer.echo(key, err=True)
    try:
        agreed = typer.confirm(f"Forget these {len(keys)} counters?", err=True)
    except typer.Abort:  # nobody is there to answer
        agreed = False
    if not agreed:
        raise InputError("nothing was forgotten; --yes does not ask")


def _warn_incomplete(found: Found, scan_max: int) -> None:
    if not found.complete:
        typer.echo(
            f"stopped after {scan_max} keys of the store; --scan-max looks at more, and a whole "
            "key is found at once",
            err=True,
        )


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=_PIPE_COLUMNS)


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
