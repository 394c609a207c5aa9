"""`riskengine lists`: fetch published lists, see how old they are, ask about an address."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from riskengine.address import Address, parse_address
from riskengine.analyst.address_report import AddressReport, ListedEntry, report_address
from riskengine.analyst.fetching import fetch
from riskengine.analyst.list_update import ListUpdate, Updated
from riskengine.cli.moments import shown_age, shown_moment
from riskengine.cli.running_store import store_url, with_bans
from riskengine.clock import SystemClock
from riskengine.errors import InvalidRequestError, SettingsError
from riskengine.records.address_metrics import ListState, list_states
from riskengine.ruleset.addresses import AddressSource
from riskengine.ruleset.fields import read_duration
from riskengine.ruleset.fields import show as quoted
from riskengine.ruleset.loader import load_ruleset, load_sources
from riskengine.store.bans import Ban, BanStore

lists = typer.Typer(
    help="Published lists of networks, and what is known of an address.", no_args_is_help=True
)

Rules = Annotated[Path, typer.Option(help="Directory of the rules.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_COLORS = {"updated": "green", "unchanged": "green", "recent": "dim"}
_STANDINGS = {"allowed": "bold green", "nothing": "green"}


@lists.command()
def update(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Lists by id; default: all with a source.")
    ] = None,
    rules: Rules = Path("rules"),
    force: Annotated[bool, typer.Option(help="Take lists that have shrunk, too.")] = False,
    if_older: Annotated[
        str, typer.Option(help="Leave lists alone that were fetched less than this ago: 1h.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Fetch lists from their sources; serving processes take them up by themselves.

    A list is replaced as a whole or stays as it was. Exits with 1 when one of them stayed because
    it could not be fetched or read, or had shrunk too much.
    """
    sources = _sources(rules, ids or [])
    run = ListUpdate(rules, fetch, SystemClock(), force=force, if_older_s=_seconds(if_older))
    results = [run.update(source) for source in sources]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(results)).decode())
    else:
        _show_updates(results)
    raise typer.Exit(any(one.result in ("failed", "refused") for one in results))


@lists.command()
def status(rules: Rules = Path("rules"), as_json: Json = False) -> None:
    """Show every list and database: size, age, staleness. Exits with 1 when one is stale."""
    states = list_states(load_ruleset(rules), SystemClock().now())
    if as_json:
        told = [state._asdict() for state in states]
        typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
    else:
        _show_states(states)
    raise typer.Exit(any(state.stale for state in states))


@lists.command()
def show(
    address: Annotated[str, typer.Argument(help="IPv4 or IPv6 address of a client.")],
    rules: Rules = Path("rules"),
    store: Annotated[
        str | None,
        typer.Option(
            help="Store to look for bans in; default: RISKENGINE_STORE, or the embedded one "
            "running here. Without any, bans are not told.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which lists, tags and bans an address is under, and why."""
    asked = _address(address)
    report = report_address(asked, load_ruleset(rules), _bans(store), SystemClock().now())
    if as_json:
        typer.echo(report.to_json(), nl=False)
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in _about(report):
        console.print(line)


def _sources(rules: Path, ids: list[str]) -> list[AddressSource]:
    every = {source.id: source for source in load_sources(rules).lists}
    unknown = [name for name in ids if name not in every or every[name].source is None]
    if unknown:
        known = ", ".join(name for name, one in every.items() if one.source) or "none"
        raise SettingsError(f"no list {quoted(unknown[0])} has a source; those that do: {known}")
    wanted = [every[name] for name in ids] if ids else list(every.values())
    return [source for source in wanted if source.source is not None]


def _seconds(text: str) -> float:
    try:
        return read_duration(text) if text else 0.0
    except ValueError as error:
        raise SettingsError(f"--if-older {error}") from None


def _address(text: str) -> Address:
    try:
        return parse_address(text, "ADDRESS")
    except InvalidRequestError as error:
        raise SettingsError(str(error)) from None


def _bans(store: str | None) -> list[Ban] | None:
    """Bans of the store that was named, or of the one that runs here, if any does."""
    try:
        url = store_url(store)
    except SettingsError:
        if store:
            raise
        return None

    async def work(bans: BanStore) -> list[Ban]:
        return (await bans.changes()).bans

    return asyncio.run(with_bans(url, work))


def _show_updates(results: list[Updated]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not results:
        console.print("no list has a source; docs/addresses.md tells how to name one")
    for one in results:
        color = _COLORS.get(one.result, "red")
        before = "-" if one.before is None else one.before
        size = "" if one.after is None else f" {before} -> {one.after} networks"
        console.print(f"[{color}]{one.result:<10}[/]{escape(f'{one.name}{size} {one.detail}')}")


def _show_states(states: list[ListState]) -> None:
    table = Table("list", "networks", "age", "", box=None, header_style="bold")
    for state in states:
        told = "[red]stale[/]" if state.stale else ""
        if state.unreadable:
            told += f" {state.unreadable} unreadable lines"
        networks = "database" if state.networks is None else str(state.networks)
        table.add_row(escape(state.name), networks, shown_age(state.age_s), told)
    Console().print(table)


def _about(report: AddressReport) -> Iterator[str]:
    color = _STANDINGS.get(report.standing, "bold red")
    standing = "not stopped" if report.standing == "nothing" else report.standing
    yield f"[bold]{report.address}[/] [{color}]{standing}[/]: {escape(report.why)}"
    asn = None if report.asn is None else f"AS{report.asn}"
    facts = [fact for fact in (report.country, asn, *report.tags) if fact]
    if facts:
        yield f"  known as {escape(', '.join(facts))}"
    for entry in report.lists:
        yield from _about_entry(entry)
    if not report.lists:
        yield "  on no list"
    for ban in report.bans:
        until, since = shown_moment(ban.expires_at), shown_moment(ban.created_at)
        where = ban.host or "all hosts"
        yield escape(f"  banned with {ban.network} on {where} ({ban.namespace}) until {until}")
        yield escape(
            f"    set {since} by {ban.author or 'nobody named'}: {ban.reason or 'no reason'}"
        )
    if not report.bans:
        yield (
            "  no ban" if report.bans_known else "  bans not asked: no store runs here, none named"
        )


def _about_entry(entry: ListedEntry) -> Iterator[str]:
    over = " [dim](over)[/]" if entry.expired else ""
    reason = f": {entry.reason}" if entry.reason else ""
    yield escape(f"  {entry.network} on {entry.name}{reason}") + over
    for rule in entry.rules:
        also = ", for requests that its match means" if rule.conditional else ""
        yield escape(f"    {rule.kind} {rule.rule_id}: {rule.verdict} ({rule.mode}){also}")
    if entry.tags:
        yield escape(f"    tags {', '.join(entry.tags)}")
    if entry.bots:
        yield escape(f"    published as addresses of {', '.join(entry.bots)}")
    if entry.owner or entry.expires_at is not None:
        until = "" if entry.expires_at is None else f" until {shown_moment(entry.expires_at)}"
        yield escape(f"    owner {entry.owner or 'nobody'}{until}")
    if entry.fetched_at is not None:
        stale = " [red]stale[/]" if entry.stale else ""
        yield escape(f"    fetched {shown_moment(entry.fetched_at)} {entry.source}") + stale
