"""`riskengine check` and `riskengine schema`: are these rules fit to serve?"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from riskengine.analyst.check import CheckReport, check_rules
from riskengine.analyst.known_good import GoodTraffic
from riskengine.analyst.rule_schemas import write_schemas
from riskengine.analyst.rule_tests import TestResult
from riskengine.analyst.signature_report import SetReport
from riskengine.cli.progress import say_compiling
from riskengine.errors import SettingsError
from riskengine.seclang.pattern_cache import PatternCache, default_directory

_STOPPED_SHOWN = 20


def check(
    rules: Annotated[Path, typer.Option(help="Directory of the rules.")] = Path("rules"),
    models: Annotated[Path, typer.Option(help="Directory of the models.")] = Path("models"),
    good: Annotated[
        Path | None,
        typer.Option(
            help="Traffic that no rule may stop. Default: data/samples/known-good.jsonl beside "
            "the rules, when it is there.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report for programs.")] = False,
) -> None:
    """Load the rules and signatures, run their tests, run known-good traffic.

    Exits with 0 when all is well, 2 on bad arguments, 3 when rules or tests do not load, 4 when a
    rule test failed, 5 when good traffic was stopped.
    """
    _require_directory(rules)
    patterns = PatternCache(default_directory(), on_compile=say_compiling)
    report = check_rules(rules, models, good or _good_beside(rules), patterns)
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        _show(report)
    raise typer.Exit(report.exit_code)


def schema(
    rules: Annotated[Path, typer.Option(help="Directory of the rules.")] = Path("rules"),
) -> None:
    """Write the JSON Schemas that editors use to rules/schema/."""
    _require_directory(rules)
    for path in write_schemas(rules / "schema"):
        typer.echo(path)


def _require_directory(rules: Path) -> None:
    if not rules.is_dir():
        raise SettingsError(f"--rules: {rules} is no directory; name the one that holds the rules")


def _good_beside(rules: Path) -> Path | None:
    path = rules.parent / "data" / "samples" / "known-good.jsonl"
    return path if path.is_file() else None


def _show(report: CheckReport) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if report.mistakes:
        for mistake in report.mistakes:
            console.print(escape(mistake))
        console.print(f"[red]{_counted(len(report.mistakes), 'mistake')}[/red]; nothing was run")
        return
    counts = ", ".join(_counted(n, kind.removesuffix("s")) for kind, n in report.counts.items())
    console.print(f"[green]ok[/green]    {escape(str(report.rules))} loads: {counts}")
    for one in report.signatures:
        _show_set(console, one)
    _show_tests(console, report.tests)
    _show_good(console, report.good)


def _show_set(console: Console, one: SetReport) -> None:
    for left in one.left_out:
        rule = f"rule {left.rule_id}: " if left.rule_id else ""
        console.print(escape(f"{left.file}:{left.line}: {rule}{left.kind}: {left.cause}"))
    unsupported = {left.rule_id for left in one.left_out if left.kind == "unsupported"}
    told = f"{_counted(one.signatures, 'signature')} of {_counted(one.files, 'SecLang file')}"
    if unsupported:
        told += f", {len(unsupported)} left out as unsupported"
    console.print(f"[green]ok[/green]    {escape(one.id)}: {told}")


def _show_tests(console: Console, tests: tuple[TestResult, ...]) -> None:
    failed = [test for test in tests if not test.passed]
    for test in failed:
        console.print(f"{escape(str(test.path))}:{test.line}: [bold]{escape(test.name)}[/bold]")
        for failure in test.failures:
            console.print(f"    {escape(failure)}")
    if failed:
        console.print(f"[red]FAIL[/red]  {len(failed)} of {_counted(len(tests), 'rule test')}")
        return
    console.print(f"[green]ok[/green]    {_counted(len(tests), 'rule test')}")


def _show_good(console: Console, good: GoodTraffic | None) -> None:
    if good is None:
        console.print("[yellow]none[/yellow]  no known-good traffic was run; --good names some")
        return
    path = escape(str(good.path))
    for stopped in good.stopped[:_STOPPED_SHOWN]:
        what = f"{stopped.request}: {stopped.verdict} by {stopped.rule}, {stopped.reason}"
        console.print(f"{path}:{stopped.line}: {escape(what)} {escape(stopped.detail)}".rstrip())
    if good.stopped:
        share = f"{len(good.stopped)} of {_counted(good.requests, 'good request')}"
        console.print(f"[red]FAIL[/red]  {share} stopped")
        return
    console.print(f"[green]ok[/green]    {_counted(good.requests, 'good request')} pass: {path}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
