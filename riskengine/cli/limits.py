"""`riskengine limits ...`: import, choose, look at and reset rate limits."""

import typer

from riskengine.cli.limits_import import import_
from riskengine.cli.limits_store import reset, show, top
from riskengine.cli.limits_suggest import suggest

limits = typer.Typer(
    help="Import, choose, look at and reset rate limits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
limits.command("import")(import_)
limits.command("suggest")(suggest)
limits.command("show")(show)
limits.command("reset")(reset)
limits.command("top")(top)
