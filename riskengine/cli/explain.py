"""`riskengine explain`: why a decision was taken, from the decision log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape

from riskengine.analyst.advice import advise
from riskengine.analyst.explain import Explanation, StageStory, find, story
from riskengine.cli.explain_request import (
    read_http_request,
    read_json_request,
    shown_advice,
    shown_trace,
    trace_request,
)
from riskengine.errors import SettingsError
from riskengine.records.decision_lines import DecisionLine
from riskengine.request import Request

_COLORS = {
    "passed": "green",
    "allowed": "bold green",
    "throttled": "bold yellow",
    "denied": "bold red",
}


def explain(
    decision_id: Annotated[
        str | None, typer.Argument(help="Id from the decision or the access log.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="The decision log: its directory, or one segment.")
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option(help="A file with a request line of JSON instead; `-` is standard input."),
    ] = None,
    http: Annotated[
        Path | None,
        typer.Option(help="A file with a request of raw HTTP instead; `-` is standard input."),
    ] = None,
    client_ip: Annotated[
        str, typer.Option(help="Whom a request of raw HTTP comes from.")
    ] = "203.0.113.1",
    rules: Annotated[
        Path, typer.Option(help="Directory of the rules that judge a request.")
    ] = Path("rules"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how a decision came about, or how screening would judge a request, and why.

    Exit codes: 0 told, 2 what is to be explained is not readable or not there, 3 the rules do not
    load.
    """
    if [decision_id is not None, request is not None, http is not None].count(True) != 1:
        raise SettingsError("explain takes one of: an id with --log, --request, --http")
    if request is not None:
        _explain_request(read_json_request(request), rules, as_json=as_json)
        return
    if http is not None:
        _explain_request(read_http_request(http, client_ip), rules, as_json=as_json)
        return
    if decision_id is None or log is None:
        raise SettingsError("--log must name the decision log that holds the id")
    explanation = find(decision_id, log)
    if as_json:
        typer.echo(explanation.to_json(), nl=False)
        return
    Console().print(Group(*_shown(explanation)))


def _explain_request(request: Request, rules: Path, *, as_json: bool) -> None:
    told = trace_request(request, rules)
    if as_json:
        typer.echo(told.to_json(), nl=False)
        return
    Console(soft_wrap=True, highlight=False).print(Group(*shown_trace(told)))


def _shown(explanation: Explanation) -> Iterator[RenderableType]:
    line = explanation.decision
    yield from _about_request(line)
    yield ""
    for stage in story(line):
        yield from _about_stage(stage)
    for limit in line.decision.limits:
        yield (
            f"  [dim]limit {limit.rule_id}: {limit.remaining} of {limit.limit} left "
            f"in {limit.window_s:g} s{' (observed)' if limit.observed else ''}"
        )
    yield ""
    yield from _about_answer(explanation)


def _about_request(line: DecisionLine) -> Iterator[RenderableType]:
    request = line.request
    query = f"?{request.query}" if request.query else ""
    yield f"[bold]{escape(f'{request.method} {request.path}{query}')}"
    yield f"from {request.client_ip} at {line.at.isoformat()}"
    ids = {"user": request.user_id, "session": request.session_id, "device": request.device_id}
    for name, value in ids.items():
        if value:
            yield escape(f"{name} {value}")
    if request.withheld:
        yield f"[dim]withheld from the log: {escape(', '.join(sorted(request.withheld)))}"


def _about_stage(stage: StageStory) -> Iterator[RenderableType]:
    color = _COLORS.get(stage.result, "dim")
    yield f"[{color}]{stage.stage:<12} {stage.result}[/]"
    for hit in stage.hits:
        mode = " (observed)" if hit.observed else ""
        detail = f": {hit.detail}" if hit.detail else ""
        yield escape(f"  {hit.rule_id} asks to {hit.verdict}{mode}, {hit.reason}{detail}")


def _about_answer(explanation: Explanation) -> Iterator[RenderableType]:
    decision, outcome = explanation.decision.decision, explanation.outcome
    by = f" by {decision.stage}/{decision.rule_id}" if decision.stage else ""
    yield f"[bold]{decision.verdict}[/]{escape(by)} ({escape(decision.reason)})"
    if decision.retry_after_s is not None:
        yield f"asked to come back in {decision.retry_after_s:g} s"
    if decision.anomaly_score is not None:
        yield f"anomaly score {decision.anomaly_score:.3f}, model {escape(decision.model_version)}"
    if decision.degraded:
        yield f"[yellow]decided without {escape(', '.join(decision.degraded))}"
    if outcome is not None:
        yield f"answered with {outcome.status}, {outcome.bytes} bytes"
    asked = explanation.decision.request
    hits = [hit.to_hit() for hit in decision.hits]
    yield from shown_advice(advise(hits, path=asked.path, client=asked.client_ip))
    yield f"[dim]rules {decision.ruleset_revision}; {explanation.file}:{explanation.line}"
