"""`riskengine demo-envoy`: a real Envoy asks the engine, and everybody's counts are compared."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from riskengine.demo.envoy import Ending, tell_story
from riskengine.demo.envoy_process import envoy_binary


def demo_envoy(
    config: Annotated[Path, typer.Option(help="Envoy's configuration.")] = Path(
        "deploy/envoy/envoy.yaml"
    ),
    rules: Annotated[Path, typer.Option(help="Directory of the rule files.")] = Path("rules"),
    models: Annotated[Path, typer.Option(help="Directory of the models.")] = Path("models"),
    wait: Annotated[
        bool, typer.Option(help="Take people's time, and wait out a Retry-After (a minute).")
    ] = True,
) -> None:
    """Put a real Envoy in front of a small shop, let a shopper, a scanner and a hammer in.

    Exit code 0 when each was treated as it should be and all counts agree, 1 otherwise.
    """
    envoy_binary()
    console = Console(highlight=False)

    def tell(line: str) -> None:
        console.print(line, soft_wrap=True)

    ending = asyncio.run(tell_story(config, rules=rules, models=models, wait=wait, tell=tell))
    console.print()
    console.print(_reasons_table(ending))
    console.print()
    console.print(_counts_table(ending))
    for surprise in ending.surprises:
        console.print(f"[red]not as it should be:[/] {surprise}", soft_wrap=True)
    console.print("Envoy, the engine, its store and the shop are stopped.")
    if not ending.well:
        raise typer.Exit(1)


def _reasons_table(ending: Ending) -> Table:
    """What the access log knows that clients are not told."""
    table = Table(
        title="Stopped, as Envoy's access log has it", title_justify="left", box=SIMPLE_HEAD
    )
    table.add_column("path", overflow="fold")
    for heading in ("status", "stage", "rule", "reason"):
        table.add_column(heading, no_wrap=True)
    seen = set()
    for line in ending.logged:
        cells = tuple(str(line[key]) for key in ("path", "status", "stage", "rule_id", "reason"))
        if cells not in seen:
            seen.add(cells)
            table.add_row(*cells)
    return table


def _counts_table(ending: Ending) -> Table:
    table = Table(title="Envoy's stats against our counts", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("requests")
    for heading in ("Envoy", "engine", "visitors", "shop", ""):
        table.add_column(heading, justify="right")
    for count in ending.counts:
        shop = "" if count.by_shop is None else str(count.by_shop)
        counted = map(str, (count.by_envoy, count.by_engine, count.by_visitors))
        agrees = "[green]agree[/]" if count.agrees else "[red]differ[/]"
        table.add_row(count.what, *counted, shop, agrees)
    return table
