"""Counters and hot keys as tables with bars."""

from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from riskengine.analyst.counter_limits import CounterReport, share_used
from riskengine.analyst.tables import bar
from riskengine.analyst.top_keys import TopKey, TopReport

_CELLS = 16
_WARN, _FULL = 0.8, 1.0
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"))


def counters_table(reports: Sequence[CounterReport]) -> Table:
    """Every counter: whom, by which rule, how much of it is used."""
    whom = {f"{one.namespace} {one.subject}" for one in reports}
    table = _table(f"Counters of {escape(whom.pop())}" if len(whom) == 1 else "Counters")
    if whom:
        table.add_column("who", overflow="fold")
    for heading in ("rule", "window", "algorithm"):
        table.add_column(heading, no_wrap=True)
    for heading in ("used", "limit", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", min_width=_CELLS, no_wrap=True)
    table.add_column("oldest", justify="right", no_wrap=True)
    for one in reports:
        who = [escape(f"{one.namespace} {one.subject}")] if whom else []
        table.add_row(*who, *_counter_cells(one))
    return table


def _counter_cells(one: CounterReport) -> list[str | Text]:
    kind = "" if one.kind == "enforced" else f" ({one.kind})"
    numbers = [_number(value) for value in (one.used, one.limit, one.left)]
    oldest = f"{_span(max(0.0, round(one.held[0].ago_s)))} ago" if one.held else ""
    names = [f"{one.rule_id}{kind}", _span(one.window_s), one.algorithm]
    return [*names, *numbers, _bar(share_used(one)), oldest]


def top_tables(report: TopReport) -> Iterator[Table | str]:
    """What was asked most, what is nearest to its limit, what was refused most."""
    if not report.processes:
        yield "no service has told of its keys; one that counts does so every two seconds"
        return
    about = f"{report.processes} processes, the last {_span(report.covered_s)}"
    yield f"[dim]{about}; counts are at most so high, less the number behind the ±"
    yield _frequent("Hottest", report.hottest)
    near = _table("Nearest to their limit")
    _add_names(near)
    near.add_column("used", justify="right", no_wrap=True)
    near.add_column("limit", justify="right", no_wrap=True)
    near.add_column("", min_width=_CELLS, no_wrap=True)
    for one in report.nearest:
        share = one.used / one.limit
        near.add_row(escape(one.subject), one.rule_id, str(one.used), str(one.limit), _bar(share))
    yield near
    yield _frequent("Most refused", report.most_refused)


def _frequent(title: str, keys: Sequence[TopKey]) -> Table:
    table = _table(title)
    _add_names(table)
    table.add_column("requests", justify="right", no_wrap=True)
    table.add_column("", min_width=_CELLS, no_wrap=True)
    most = max((one.count for one in keys), default=1)
    for one in keys:
        count = f"{one.count} ±{one.error}" if one.error else str(one.count)
        table.add_row(
            escape(one.subject), one.rule_id, count, Text(bar(one.count / most, _CELLS), "cyan")
        )
    return table


def _add_names(table: Table) -> None:
    table.add_column("who", overflow="fold")
    table.add_column("rule", no_wrap=True)


def _bar(share: float) -> Text:
    color = "red" if share >= _FULL else "yellow" if share >= _WARN else "green"
    return Text(bar(min(1.0, share), _CELLS), style=color)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _span(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size and round(seconds, 3) % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:.3g}s"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, pad_edge=False)
