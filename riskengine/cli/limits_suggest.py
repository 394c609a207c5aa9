"""`riskengine limits suggest`: whom would a limit have touched, and which one to try first?"""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape

from riskengine.analyst.client_times import ClientTimes, collect
from riskengine.analyst.limit_page import limit_page
from riskengine.analyst.limit_suggestion import (
    TOUCH_ANY,
    TOUCH_GOOD,
    Suggestion,
    best_window,
    reports,
)
from riskengine.analyst.limit_tables import candidates_table, distribution_table, windows_table
from riskengine.analyst.log_readers import LogReader
from riskengine.analyst.suggested_rule import counting_rule, proposed_rule
from riskengine.cli.progress import progress
from riskengine.collector import collect_rarely
from riskengine.errors import InputError
from riskengine.ruleset.fields import read_duration
from riskengine.ruleset.limits import LimitRule
from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.routes import RouteTable

_WINDOWS = ["10s", "1m", "10m", "1h"]
_FEW_CLIENTS = 100
_PIPE_COLUMNS = 100
_STEP = 2_000


LogArgument = Annotated[
    Path, typer.Argument(help="Access log, JSON lines, decision log (file or directory); .gz too.")
]
KeyOption = Annotated[
    str, typer.Option(help="What is counted apart: ip, user, ..., several with commas.")
]
RouteOption = Annotated[
    str | None,
    typer.Option(help="What counts: a path pattern (/login, /api/**) or the id of a route."),
]
MethodOption = Annotated[
    list[str] | None, typer.Option(help="Methods that count; may be repeated.")
]
WindowOption = Annotated[
    list[str] | None,
    typer.Option(help="Length of a window; may be repeated. Default: 10s, 1m, 10m, 1h."),
]
TouchOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Share of clients the proposed limit may touch; default: 0.001 of the good ones, "
        "0.01 of all where none are labelled.",
        show_default=False,
    ),
]
RulesOption = Annotated[
    Path, typer.Option(help="Rules with the map of routes; read where a route's id is asked.")
]
HtmlOption = Annotated[Path | None, typer.Option(help="Also write a page with plots to this file.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON; the same log gives the same bytes.")
]


def suggest(
    log: LogArgument,
    key: KeyOption = "ip",
    route: RouteOption = None,
    method: MethodOption = None,
    window: WindowOption = None,
    touch: TouchOption = None,
    rules: RulesOption = Path("rules"),
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how fast the clients of a log are, and propose a limit.

    Exit codes: 0 done, 2 the log or an argument is not usable, 3 the rules do not load.
    """
    rule = counting_rule([part.strip() for part in key.split(",")], route, method or [])
    windows = [(text, _seconds(text)) for text in window or _WINDOWS]
    found = _collected(log, rule, _routes(rule, rules))
    suggestion = _suggestion(log, rule, found, windows, touch)
    if html is not None:
        _write(html, limit_page(suggestion))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(suggestion)).decode())
        return
    console = Console() if sys.stdout.isatty() else Console(width=_PIPE_COLUMNS)
    console.print(Group(*_shown(suggestion)))
    typer.echo(suggestion.rule, nl=False)


def _seconds(text: str) -> float:
    try:
        return read_duration(text)
    except ValueError as error:
        raise InputError(f"--window {error}") from None


def _routes(rule: LimitRule, rules: Path) -> RouteTable:
    """The shop's map where it is needed; an unknown id is refused with the known ones."""
    wanted = rule.match.routes
    if not wanted and "route" not in rule.key:
        return RouteTable(())
    table = load_ruleset(rules).routes
    known = [known.id for known in table.routes]
    for one in wanted:
        if one not in known:
            raise InputError(
                f"--route must be a path that begins with / or the id of a route in {rules} "
                f"({', '.join(known) or 'none there'}), got {one!r}"
            )
    return table


def _collected(log: Path, rule: LimitRule, routes: RouteTable) -> ClientTimes:
    reader = LogReader(log)
    collect_rarely()
    seen = 0
    with progress(reader.total_bytes, str(log)) as on_progress:

        def tick() -> None:
            nonlocal seen
            seen += 1
            if seen % _STEP == 0:
                on_progress(reader.position)

        found = collect(reader, rule, routes, on_request=tick)
    if not found.clients:
        raise InputError(
            f"{log}: none of its {seen} requests counts ({found.elsewhere} match neither --route "
            f"nor --method, {found.without_key} lack {' or '.join(rule.key)})"
        )
    return found


def _suggestion(
    log: Path,
    rule: LimitRule,
    found: ClientTimes,
    windows: list[tuple[str, float]],
    touch: float | None,
) -> Suggestion:
    kinds = [client.is_bad for client in found.clients.values()]
    good = kinds.count(False)
    if touch is None:
        touch = TOUCH_GOOD if good else TOUCH_ANY
    shown = reports(found, windows, touch)
    best = best_window(shown)
    suggestion = Suggestion(
        log=str(log),
        requests=found.requests,
        elsewhere=found.elsewhere,
        without_key=found.without_key,
        clients=len(kinds),
        good=good,
        bad=kinds.count(True),
        touch=touch,
        windows=shown,
        best=best,
        rule="",
    )
    text = proposed_rule(rule, shown[best], _facts(suggestion))
    return msgspec.structs.replace(suggestion, rule=text)


def _facts(suggestion: Suggestion) -> list[str]:
    """What the log says for the rule, as comments above it."""
    limit = suggestion.windows[suggestion.best].proposed
    whom = f"{limit.every.touched} of {suggestion.clients} clients"
    if limit.good is not None and limit.bad is not None:
        whom += (
            f" ({limit.good.touched} of {limit.good.clients} good ones, "
            f"{limit.bad.touched} of {limit.bad.clients} bad ones)"
        )
    return textwrap.wrap(
        f"Proposed from {Path(suggestion.log).name}: it touches {whom} and refuses {limit.refused} "
        f"of {suggestion.requests} requests. Watch it in mode observe before you enforce it.",
        width=94,
    )


def _shown(suggestion: Suggestion) -> Iterator[RenderableType]:
    yield escape(suggestion.log)
    yield f"{suggestion.requests} requests of {suggestion.clients} clients"
    if suggestion.without_key:
        yield f"[yellow]{suggestion.without_key} requests lack a part of the key and do not count"
    if suggestion.clients < _FEW_CLIENTS:
        yield f"[yellow]only {suggestion.clients} clients: a longer log says more"
    yield ""
    yield windows_table(suggestion)
    best = suggestion.windows[suggestion.best]
    yield ""
    yield distribution_table(best, labelled=suggestion.labelled)
    yield ""
    yield candidates_table(best, labelled=suggestion.labelled)
    yield ""


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
