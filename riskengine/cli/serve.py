"""`riskengine serve`: one flag for each setting."""

import asyncio
import inspect
import os
from collections.abc import Callable
from typing import Annotated

import typer

from riskengine.clock import SystemClock
from riskengine.edge.json_logs import log_as_json
from riskengine.edge.supervisor import supervise
from riskengine.settings import (
    Settings,
    described_settings,
    flag_of,
    read_settings,
    variable_of,
)


def _shown(default: object) -> str:
    if default is None or default in ("", ()):
        return "none"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` a parameter for each setting, so that flags and settings never part."""
    defaults = Settings()
    parameters = []
    for field, setting in described_settings().items():
        about = f"{setting.about}  \\[{variable_of(field)}; {_shown(getattr(defaults, field))}]"
        kind = Annotated[
            str | None,
            typer.Option(flag_of(field), help=about, metavar="VALUE", show_default=False),
        ]
        parameters.append(
            inspect.Parameter(field, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        )
    command.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    command.__dict__["__signature__"] = inspect.Signature(parameters)
    return command


@_with_flags
def serve(**flags: str | None) -> None:
    """Answer gateways over gRPC until SIGTERM or Ctrl-C.

    Exit codes: 0 drained, 1 the workers keep dying, 2 a setting is not usable, 3 rules or model
    do not load.
    """
    settings = read_settings(flags, os.environ)
    log_as_json("supervisor")
    ending = asyncio.run(supervise(settings, clock=SystemClock(), announce=typer.echo))
    if ending.message:
        typer.echo(f"riskengine: {ending.message}", err=True)
    raise typer.Exit(ending.exit_code)
