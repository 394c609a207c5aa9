"""`riskengine demo`: the whole system on one machine, in half a minute."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskengine.analyst.tables import funnel_table, scorecard_table
from riskengine.clock import SystemClock
from riskengine.demo.tour import Tour, latency_line, take_tour


def demo(
    log: Annotated[
        Path, typer.Argument(help="Apache, nginx or riskengine log to send through the service.")
    ] = Path("data/samples/mixed.jsonl"),
    rules: Annotated[Path, typer.Option(help="Directory of the rule files.")] = Path("rules"),
    models: Annotated[Path, typer.Option(help="Directory of the models.")] = Path("models"),
) -> None:
    """Start the real service, send it a log over gRPC, show what the funnel did, stop it all."""
    console = Console()
    console.print(
        f"Starting the service on its embedded store, sending it {log} ...", soft_wrap=True
    )
    tour = asyncio.run(take_tour(log, rules=rules, models=models, clock=SystemClock()))
    console.print()
    console.print(funnel_table(tour.funnel))
    if tour.scorecard is not None:
        console.print()
        console.print(scorecard_table(tour.scorecard))
    console.print()
    _tell_lines(console, tour)
    console.print(latency_line(tour.sent, tour.funnel.requests), soft_wrap=True)
    _tell_log(console, tour)
    console.print("The service and its store are stopped.")


def _tell_lines(console: Console, tour: Tour) -> None:
    counts = tour.reader.counts
    console.print(f"{counts.requests:,} requests decided from {tour.source}", soft_wrap=True)
    if not counts.malformed:
        return
    lines = "line is malformed and was" if counts.malformed == 1 else "lines are malformed and were"
    console.print(f"[yellow]{counts.malformed} {lines} not sent:[/]")
    for bad in tour.reader.malformed:
        console.print(f"  {bad.file}:{bad.line}: {bad.reason}", markup=False)


def _tell_log(console: Console, tour: Tour) -> None:
    console.print(f"Decision log: {tour.log_dir}", soft_wrap=True)
    console.print(f"  riskengine replay {tour.log_dir}", soft_wrap=True)
    if tour.example_id:
        command = f"riskengine explain {tour.example_id} --log {tour.log_dir}"
        console.print(f"  {command}", soft_wrap=True)
