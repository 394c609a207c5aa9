"""`riskengine gateway`: the reverse proxy that asks first."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from riskengine.clock import SystemClock
from riskengine.edge.event_loop import loop_factory
from riskengine.edge.json_logs import log_as_json
from riskengine.errors import SettingsError
from riskengine.gateway.config import config_schema, read_config, read_file
from riskengine.gateway.crew import supervise_gateway
from riskengine.gateway.running import run_gateway


def gateway(
    config: Annotated[
        Path | None, typer.Option("--config", help="The configuration file.", show_default=False)
    ] = None,
    check: Annotated[bool, typer.Option(help="Read the configuration, and end.")] = False,
    schema: Annotated[bool, typer.Option(help="Print its JSON Schema, and end.")] = False,
) -> None:
    """Ask the engine about every request and forward what it allows, until SIGTERM or Ctrl-C.

    Exit codes: 0 drained, 1 its workers keep dying, 2 an argument or address is not usable, 3
    configuration, rules or model do not load.
    """
    if schema:
        typer.echo(config_schema(), nl=False)
        return
    if config is None:
        raise SettingsError("--config is missing; it names the configuration file")
    content = read_file(config)
    loaded = read_config(config, content)
    if check:
        typer.echo(f"{config} is well-formed")
        return
    log_as_json("gateway")
    if loaded.workers > 1:
        serving = supervise_gateway(config, content, clock=SystemClock(), announce=typer.echo)
        ending = asyncio.run(serving)
        if ending.message:
            typer.echo(f"riskengine: {ending.message}", err=True)
        raise typer.Exit(ending.exit_code)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run_gateway(loaded, config.parent, clock=SystemClock(), announce=typer.echo))
