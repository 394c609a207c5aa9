"""`riskengine explain --request` and `--http`: how screening would judge a request, and why."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import RenderableType
from rich.markup import escape

from riskengine.analyst.advice import Advice
from riskengine.analyst.http_text import read_http
from riskengine.analyst.json_log import read_request_line
from riskengine.analyst.screening_trace import ScreeningTrace, StageTrace, trace
from riskengine.cli.progress import say_compiling
from riskengine.clock import SystemClock
from riskengine.errors import InputError
from riskengine.request import Request
from riskengine.ruleset.loader import load_ruleset
from riskengine.seclang.pattern_cache import PatternCache, default_directory

_COLORS = {"allowed": "green", "throttled": "yellow", "denied": "red"}
_VALUE_MAX = 80


def trace_request(request: Request, rules: Path) -> ScreeningTrace:
    """The request's way through the screening of the rules in a directory."""
    now = SystemClock().now() if request.received_at is None else request.received_at
    patterns = PatternCache(default_directory(), on_compile=say_compiling)
    return asyncio.run(trace(load_ruleset(rules), request, now=now, patterns=patterns))


def read_json_request(file: Path) -> Request:
    """The first request line of a file, `-` for standard input; InputError says what is wrong."""
    for number, raw in enumerate(_read(file).splitlines(), 1):
        if raw.strip():
            try:
                return read_request_line(raw, number).request
            except ValueError as error:
                raise InputError(f"{_name(file)}:{number}: {error}") from None
    raise InputError(f"{_name(file)}:1: holds no request line; docs/log-format.md describes one")


def read_http_request(file: Path, client_ip: str) -> Request:
    """The request in a file of raw HTTP, `-` for standard input."""
    return read_http(_read(file), source=_name(file), client_ip=client_ip)


def shown_trace(told: ScreeningTrace) -> Iterator[RenderableType]:
    """The trace as lines for people."""
    query = f"?{told.query}" if told.query else ""
    yield f"[bold]{escape(f'{told.method} {told.path}{query}')}"
    yield escape(f"from {told.client_ip}{_origin(told)}, route {told.route or 'unknown'}")
    for stage in told.stages:
        yield from _stage(stage, told)
    yield f"[bold]{told.verdict}[/] after screening"
    yield from shown_advice(told.advice, told.passes_with_exclusions)
    yield f"[dim]rules {told.ruleset_revision}; bans, limits and behaviour were not asked"


def shown_advice(advice: list[Advice], passes: bool | None = None) -> Iterator[RenderableType]:
    """What would have let the request pass."""
    if not advice:
        return
    yield ""
    yield "What would have let it pass:"
    for one in advice:
        where = f"{one.file}: " if one.file else ""
        yield escape(f"  {where}{one.change}")
    if passes is not None:
        yield f"  tried: with these exclusions it {'passes' if passes else 'is stopped still'}"


def _origin(told: ScreeningTrace) -> str:
    facts = [told.country, f"AS{told.asn}" if told.asn is not None else "", *told.tags]
    if told.bot:
        facts.append(f"bot {told.bot} ({told.bot_state})")
    named = ", ".join(fact for fact in facts if fact)
    return f" ({named})" if named else ""


def _stage(stage: StageTrace, told: ScreeningTrace) -> Iterator[RenderableType]:
    color = _COLORS.get(stage.result, "dim")
    late = " (stopped before; this is what it would say)" if stage.after_stop else ""
    yield f"[{color}]{stage.stage:<12} {stage.result}[/]{late}"
    if stage.stage == "parameters":
        yield from _parameters(told)
    if stage.stage == "signatures":
        yield from _signatures(told)
    for hit in stage.hits:
        if hit.reason != "signature.match":
            mode = " (observed)" if hit.observed else ""
            detail = f": {hit.detail}" if hit.detail else ""
            yield escape(f"  {hit.rule_id} asks to {hit.verdict}{mode}, {hit.reason}{detail}")


def _parameters(told: ScreeningTrace) -> Iterator[RenderableType]:
    for one in told.parameters:
        value = repr(one.value)
        cut = value if len(value) <= _VALUE_MAX else f"{value[: _VALUE_MAX - 3]}..."
        fired = f"  <- {', '.join(map(str, one.signatures))}" if one.signatures else ""
        yield escape(f"  {one.name} = {cut}{fired}")


def _signatures(told: ScreeningTrace) -> Iterator[RenderableType]:
    for one in told.signatures:
        level = f", paranoia {one.paranoia}" if one.paranoia else ""
        points = f"{one.points} point{'' if one.points == 1 else 's'}"
        yield escape(f"  {one.rule} at {one.parameter}: {one.matched} ({points}{level})")
        yield f"    [dim]{escape(one.place)}"


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None


def _name(file: Path) -> str:
    return "standard input" if str(file) == "-" else str(file)
