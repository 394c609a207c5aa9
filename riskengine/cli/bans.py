"""`riskengine bans`: set, show and lift bans of a running service."""

import asyncio
import getpass
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from riskengine.cli.moments import shown_moment
from riskengine.cli.running_store import store_url, with_bans
from riskengine.clock import SystemClock
from riskengine.errors import SettingsError
from riskengine.ruleset.fields import read_duration
from riskengine.ruleset.networks import Network, read_network
from riskengine.store.bans import Ban, BanStore, host_scope, make_ban

bans = typer.Typer(help="Set, show and lift bans of a running service.", no_args_is_help=True)

Where = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="Store of the service; default: RISKENGINE_STORE, or the embedded one running here.",
        show_default=False,
    ),
]
Namespace = Annotated[str, typer.Option(help="Shop or environment.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@bans.command()
def add(
    address: Annotated[str, typer.Argument(help="Address or network; an IPv6 address: its /64.")],
    lasts: Annotated[str, typer.Option("--for", help="How long: 10m, 24h, 7d.")],
    reason: Annotated[str, typer.Option(help="Why; whoever looks will want to know.")] = "",
    host: Annotated[str, typer.Option(help="Only on this host; default: on all.")] = "",
    namespace: Namespace = "default",
    author: Annotated[str, typer.Option(help="Who; default: your user name.")] = "",
    store: Where = None,
) -> None:
    """Refuse an address for a while, everywhere within a second. Allowlists win over bans."""
    made = _make(address, lasts, reason, host, namespace, author or getpass.getuser())

    async def work(bans: BanStore) -> list[Ban]:
        await bans.add([made])
        return [ban for ban in (await bans.changes()).bans if ban.key == made.key]

    standing = asyncio.run(with_bans(store_url(store), work))
    if standing != [made]:
        until = shown_moment(standing[0].expires_at) if standing else "nothing"
        typer.echo(f"{made.network} is banned for longer already, until {until}")
        return
    typer.echo(f"banned {made.network} on {_scope(made)} until {shown_moment(made.expires_at)}")


@bans.command(name="list")
def list_(
    address: Annotated[
        str | None, typer.Argument(help="Only bans that hold this address.", show_default=False)
    ] = None,
    store: Where = None,
    as_json: Json = False,
) -> None:
    """Show the bans in force, those that end first first."""
    wanted = None if address is None else _network(address)
    every = asyncio.run(with_bans(store_url(store), _every))
    shown = [ban for ban in every if wanted is None or _holds(ban, wanted)]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(shown)).decode())
        return
    if not shown:
        typer.echo("no bans")
        return
    table = Table("network", "host", "until", "reason", "author", box=None, header_style="bold")
    for ban in shown:
        cells = (ban.network, _scope(ban), shown_moment(ban.expires_at), ban.reason, ban.author)
        table.add_row(*(escape(cell) for cell in cells))
    Console().print(table)


@bans.command()
def lift(
    address: Annotated[
        str | None, typer.Argument(help="The address or network.", show_default=False)
    ] = None,
    host: Annotated[str, typer.Option(help="Only the ban on this host.")] = "",
    namespace: Namespace = "default",
    every: Annotated[bool, typer.Option("--all", help="All bans there are.")] = False,
    store: Where = None,
) -> None:
    """End bans at once, everywhere within a second.

    Exits with 1 when there was none to lift.
    """
    if every == (address is not None):
        raise SettingsError("name an address or network to lift, or --all")
    url = store_url(store)
    there = asyncio.run(with_bans(url, _every))
    wanted = there if address is None else _meant(there, address, host, namespace)
    lifted = asyncio.run(with_bans(url, lambda bans: bans.lift([ban.key for ban in wanted])))
    typer.echo(f"lifted {lifted} ban{'' if lifted == 1 else 's'}")
    if address is not None:
        for ban in there:
            if ban not in wanted and _holds(ban, _network(address)):
                typer.echo(f"still banned with {ban.network} on {_scope(ban)} ({ban.namespace})")
    raise typer.Exit(0 if lifted or every else 1)


def _make(address: str, lasts: str, reason: str, host: str, namespace: str, author: str) -> Ban:
    now = SystemClock().now()
    try:
        seconds = read_duration(lasts)
    except ValueError as error:
        raise SettingsError(f"--for {error}") from None
    return make_ban(
        _network(address),
        created_at=now,
        expires_at=now + seconds,
        namespace=namespace,
        host=host,
        reason=reason,
        author=author,
    )


def _network(address: str) -> Network:
    try:
        return read_network(address)
    except ValueError as error:
        raise SettingsError(f"ADDRESS {error}") from None


async def _every(bans: BanStore) -> list[Ban]:
    now = SystemClock().now()
    found = [ban for ban in (await bans.changes()).bans if ban.expires_at > now]
    return sorted(found, key=lambda ban: (ban.expires_at, ban.key))


def _meant(there: list[Ban], address: str, host: str, namespace: str) -> list[Ban]:
    same = make_ban(_network(address), created_at=0.0, expires_at=0.0).network
    return [
        ban
        for ban in there
        if ban.network == same
        and ban.namespace == namespace
        and (not host or ban.host == host_scope(host))
    ]


def _holds(ban: Ban, wanted: Network) -> bool:
    network = read_network(ban.network)
    return (
        len(network.packed) == len(wanted.packed)
        and network.packed <= wanted.packed
        and wanted.last <= network.last
    )


def _scope(ban: Ban) -> str:
    return ban.host or "all hosts"
