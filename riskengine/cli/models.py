"""`riskengine models`: which models there are, and what their cards say."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from riskengine.analyst.model_tables import tell_model
from riskengine.behavior.registry import load_model, model_names


def models(
    name: Annotated[str, typer.Argument(help="Show this one; all of them without it.")] = "",
    directory: Annotated[Path, typer.Option("--models", help="Directory of the models.")] = Path(
        "models"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """Show the models that can be loaded, each checked as serving would check it."""
    cards = [
        load_model(directory, each).card for each in ([name] if name else model_names(directory))
    ]
    if json:
        typer.echo(msgspec.json.encode(cards).decode())
        return
    console = Console()
    if not cards:
        console.print(f"{directory} holds no model; riskengine train makes one.", soft_wrap=True)
    for card in cards:
        tell_model(console, card)
