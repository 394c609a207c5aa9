"""`riskengine signatures exclude`: what good traffic asks to be excluded from signatures."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskengine.analyst.exclusion_diff import as_diff, with_exclusions
from riskengine.analyst.exclusions import Proposal, SignatureHit, propose, read_hit
from riskengine.analyst.log_readers import LogReader
from riskengine.analyst.traffic import LoggedRequest
from riskengine.decision import RuleHit
from riskengine.errors import InputError, SettingsError
from riskengine.request import Request


class Action(StrEnum):
    """What to do."""

    EXCLUDE = "exclude"


def signatures(
    action: Annotated[Action, typer.Argument(help="exclude: propose exclusions.")],
    from_log: Annotated[
        Path, typer.Option(help="Decision log (file or directory) of traffic known to be good.")
    ],
    rules: Annotated[Path, typer.Option(help="Directory of the rules.")] = Path("rules"),
    least: Annotated[int, typer.Option(min=1, help="Leave what hit fewer times than this.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Report for programs.")] = False,
) -> None:
    """Propose the narrowest exclusions for signature hits on good traffic, as a diff.

    Nothing is written: read the diff, take out what was an attack after all, and apply it with
    `patch -p1` or `git apply`.
    """
    del action  # there is one so far
    path = rules / "signatures.yaml"
    if not path.is_file():
        raise SettingsError(f"--rules: {path} is not there; exclusions stand in that file")
    proposals = propose(_hits(from_log), least=least)
    if as_json:
        typer.echo(json.dumps([asdict(proposal) for proposal in proposals], indent=2))
        return
    _show(proposals)
    before = path.read_text(encoding="utf-8")
    typer.echo(as_diff(path.as_posix(), before, with_exclusions(before, proposals)), nl=False)


def _hits(log: Path) -> Iterator[SignatureHit]:
    reader = LogReader(log)
    if reader.format != "decision-log":
        raise InputError(f"{log}: is no decision log; only that says which signatures hit")
    for logged in reader:
        if isinstance(logged, LoggedRequest) and logged.recorded is not None:
            yield from _hits_of(logged.request, logged.recorded.hits)


def _hits_of(request: Request, hits: tuple[RuleHit, ...]) -> Iterator[SignatureHit]:
    for hit in hits:
        if hit.stage == "signatures":
            found = read_hit(hit.detail, request.path, request.address.text)
            if found is not None:
                yield found


def _show(proposals: list[Proposal]) -> None:
    """A table on standard error, so that the diff alone goes into a file."""
    console = Console(stderr=True)
    if not proposals:
        console.print("No signature hit in this log: nothing to exclude.")
        return
    table = Table("rule", "parameter", "path", "hits", "clients", "matched")
    for one in proposals:
        table.add_row(
            str(one.rule), one.parameter, one.path, str(one.hits), str(one.clients), one.example
        )
    console.print(table)
