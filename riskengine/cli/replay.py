"""`riskengine replay`: decide logged traffic again and show what each stage would take out."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape

from riskengine.analyst.difference import Difference, Side
from riskengine.analyst.log_readers import LogReader
from riskengine.analyst.replay import ReplayReport
from riskengine.analyst.replay import replay as replay_log
from riskengine.analyst.tables import funnel_table, scorecard_table
from riskengine.analyst.traffic import FORMATS
from riskengine.assembly import model_of
from riskengine.behavior.registry import load_model
from riskengine.cli.progress import progress
from riskengine.collector import collect_rarely
from riskengine.engine import Loaded
from riskengine.ruleset.loader import load_ruleset

_CHANGES_SHOWN = 10
_PIPE_COLUMNS = 100


def replay(
    log: Annotated[
        Path,
        typer.Argument(help="Access log, JSON lines, decision log (file or directory); .gz too."),
    ],
    rules: Annotated[Path, typer.Option(help="Directory of the rule files.")] = Path("rules"),
    models: Annotated[Path, typer.Option(help="Directory of the models.")] = Path("models"),
    model: Annotated[
        str | None, typer.Option(help="Model to score with, in place of the one the rules name.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="A second rule directory: show what it decides otherwise.")
    ] = None,
    limit_errors: Annotated[
        int, typer.Option(min=0, help="How many malformed lines and changed requests to show.")
    ] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; the same input gives the same bytes.")
    ] = False,
) -> None:
    """Decide logged traffic on a virtual clock and show what each stage takes out.

    Exit codes: 0 done, 2 the log or an argument is not usable, 3 rules do not load.
    """
    loaded = _load(rules, models, model)
    other = None if against is None else _load(against, models, model)
    reader = LogReader(log, keep_malformed=limit_errors)
    collect_rarely()
    with progress(reader.total_bytes, str(log)) as on_progress:
        work = replay_log(
            reader, loaded, against=other, keep_examples=limit_errors, on_progress=on_progress
        )
        report = asyncio.run(work)
    if as_json:
        typer.echo(report.to_json(), nl=False)
        return
    console = Console() if sys.stdout.isatty() else Console(width=_PIPE_COLUMNS)
    console.print(_shown(report))


def _load(rules: Path, models: Path, model: str | None) -> Loaded:
    ruleset = load_ruleset(rules)
    chosen = model_of(ruleset, models) if model is None else load_model(models, model)
    return Loaded(ruleset, chosen)


def _shown(report: ReplayReport) -> RenderableType:
    parts: list[RenderableType] = [*_about_lines(report), "", funnel_table(report.result.funnel)]
    parts += _notes(report)
    if report.result.scorecard is not None:
        parts += ["", scorecard_table(report.result.scorecard)]
    if report.result.since_recorded is not None:
        parts += ["", *_about_difference("Since it was recorded", report.result.since_recorded)]
    if report.against is not None and report.difference is not None:
        parts += ["", "With the other rules:", funnel_table(report.against.funnel), ""]
        parts += _about_difference("From these rules to the others", report.difference)
        if report.against.scorecard is not None:
            parts += ["", scorecard_table(report.against.scorecard)]
    return Group(*parts)


def _about_lines(report: ReplayReport) -> Iterator[RenderableType]:
    lines = report.lines
    told = [f"{lines.lines} lines", f"{lines.requests} requests"]
    more = {
        "outcomes": lines.outcomes,
        "without a request": lines.without_request,
        "malformed": lines.malformed,
        "cut off by a crash": lines.cut,
        "too late to be put in order": lines.clamped,
    }
    told += [f"{count} {name}" for name, count in more.items() if count]
    yield f"{FORMATS[report.format]}: {', '.join(told)}"
    for line in report.malformed:
        text = escape(line.text)
        yield f"[yellow]{escape(line.file)}:{line.line}: {escape(line.reason)}[/]  [dim]{text}"
    left = lines.malformed - len(report.malformed)
    if left > 0:
        yield f"[yellow]and {left} more malformed lines"
    model = report.result.model_version or "none"
    yield f"rules {report.result.ruleset_revision}, model {model}"


def _notes(report: ReplayReport) -> Iterator[RenderableType]:
    for part, count in report.result.funnel.degraded.items():
        yield f"[yellow]{count} decisions were taken without {escape(part)}"
    for stage, count in report.result.carried_over.items():
        yield (
            f"[dim]{stage}: for {count} requests the recorded result was carried over, "
            "because the log withholds what the stage would look at"
        )
    for stage, count in report.result.not_recorded.items():
        yield f"[dim]{stage}: {count} requests could not be judged, and had not been judged then"


def _about_difference(title: str, difference: Difference) -> Iterator[RenderableType]:
    yield (
        f"[bold]{title}[/]: {difference.verdicts_changed} of {difference.compared} verdicts changed"
    )
    for change in difference.changes[:_CHANGES_SHOWN]:
        yield f"  {change.requests:>8}  {_side(change.before)}  ->  {_side(change.after)}"
    for example in difference.examples:
        what = escape(f"{example.client_ip} {example.method} {example.path}")
        yield (
            f"  [dim]line {example.line}:[/] {what}  "
            f"{_side(example.before)}  ->  {_side(example.after)}"
        )


def _side(side: Side) -> str:
    by = f" by {side.stage}/{side.rule_id}" if side.stage else ""
    return escape(f"{side.verdict}{by}")
