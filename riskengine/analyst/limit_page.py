"""The page of `riskengine limits suggest`: one file, nothing loaded from anywhere."""

from collections.abc import Iterable, Iterator
from html import escape

from riskengine.analyst.limit_plot import plot
from riskengine.analyst.limit_suggestion import Candidate, Suggestion, WindowReport
from riskengine.analyst.limit_tables import group_words

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #667084; --paper: #fff; --line: #e3e7ee;
  --good: #157f5b; --bad: #c8372d; --all: #2563c9; --mark: #8a5a00; --soft: #f6f8fb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf2; --dim: #98a2b8; --paper: #12161d;
  --line: #2b3342; --good: #4cc594; --bad: #ff7a6e; --all: #7fb0ff; --mark: #e3b341; --soft: #1a202b; } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 820px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 .3rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem }
p { margin: .3rem 0 } .dim { color: var(--dim) } .good { color: var(--good) } .bad { color: var(--bad) }
.all { color: var(--all) }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; font-variant-numeric: tabular-nums }
th { color: var(--dim); font-weight: 500 } th:first-child, td:first-child { text-align: left }
tr.chosen td { font-weight: 650; background: var(--soft) }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem;
  overflow-x: auto; font-size: .85rem }
svg { width: 100%; height: auto; margin: .4rem 0 } svg text { font: 11px system-ui, sans-serif; fill: var(--dim) }
svg .grid { stroke: var(--line) } svg .axis { stroke: var(--dim) }
svg polyline { fill: none; stroke-width: 2.2; stroke-linejoin: round }
svg .good { stroke: var(--good) } svg .bad { stroke: var(--bad) } svg .all { stroke: var(--all) }
svg line.proposed { stroke: var(--mark); stroke-dasharray: 4 4 } svg text.proposed { fill: var(--mark) }
"""  # noqa: E501 - a style sheet


_NOTHING_LOADED = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)


def limit_page(suggestion: Suggestion) -> str:
    """The whole page as HTML."""
    return "\n".join([
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        _NOTHING_LOADED,
        f"<title>Limits for {escape(suggestion.log)}</title>",
        f"<style>{_STYLE}</style></head><body>",
        *_head(suggestion),
        *(line for window in suggestion.windows for line in _section(suggestion, window)),
        "</body></html>",
        "",
    ])  # fmt: skip


def _head(suggestion: Suggestion) -> Iterator[str]:
    yield f"<h1>Which limit?</h1><p>{escape(suggestion.log)}</p>"
    told = f"{suggestion.requests} requests of {suggestion.clients} clients"
    if suggestion.labelled:
        told += f", {suggestion.good} labelled good, {suggestion.bad} bad"
    if suggestion.without_key:
        told += f"; {suggestion.without_key} requests lack a part of the key"
    yield f'<p class="dim">{escape(told)}. {suggestion.elsewhere} other requests.</p>'
    whom = "good clients" if suggestion.good else "clients"
    yield (
        f"<p>Proposed are the smallest limits that touch at most {100 * suggestion.touch:g} % of "
        f"the {whom}; of the windows, the one that then refuses most of the rest.</p>"
    )
    yield f"<pre>{escape(suggestion.rule)}</pre>"
    names = list(suggestion.windows[0].quantiles)
    rows = (
        (
            place == suggestion.best,
            [w.window, *map(str, w.quantiles.values()), str(w.proposed.limit)],
        )
        for place, w in enumerate(suggestion.windows)
    )
    yield "<h2>Requests in a client's fastest window</h2>"
    yield from _table(["window", *_quantile_words(names), "proposed limit"], rows)


def _quantile_words(names: Iterable[str]) -> list[str]:
    return ["the fastest" if name == "p100" else f"{name[1:]} % up to" for name in names]


def _section(suggestion: Suggestion, window: WindowReport) -> Iterator[str]:
    yield f"<h2>In {escape(window.window)}</h2>"
    lines = (
        '<span class="good">good</span> and <span class="bad">bad</span>'
        if suggestion.labelled
        else '<span class="all">all</span>'
    )
    yield f'<p class="dim">Share of {lines} clients that a limit would refuse at least once.</p>'
    yield plot(suggestion, window)
    headings = ["limit", "clients touched"]
    if suggestion.labelled:
        headings += ["good touched", "bad touched"]
    rows = ((c.limit == window.proposed.limit, _cells(c)) for c in window.candidates)
    yield from _table([*headings, "requests refused"], rows)


def _cells(candidate: Candidate) -> list[str]:
    groups = [candidate.every, candidate.good, candidate.bad]
    told = [group_words(group) for group in groups if group is not None]
    return [str(candidate.limit), *told, str(candidate.refused)]


def _table(headings: Iterable[str], rows: Iterable[tuple[bool, list[str]]]) -> Iterator[str]:
    cells = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    yield f'<div class="scroll"><table><tr>{cells}</tr>'
    for chosen, values in rows:
        cells = "".join(f"<td>{escape(value)}</td>" for value in values)
        yield f'<tr class="chosen">{cells}</tr>' if chosen else f"<tr>{cells}</tr>"
    yield "</table></div>"
