"""Reports as people read them: rich tables with bars."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from riskengine.analyst.report import FunnelReport, RuleRow, StageRow
from riskengine.analyst.scorecard import KindRow, Rates, Scorecard

BAR_CELLS = 24
_KIND_CELLS = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


def funnel_table(report: FunnelReport, *, rules: int = 8) -> Table:
    """The funnel: what came in, what each stage and its busiest `rules` stopped, what is left."""
    table = _table("Funnel")
    table.add_column("", no_wrap=True)
    for heading in ("requests", "observed", "of all"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    total = report.requests
    table.add_row("[bold]in", _count(total), "", *_bar(total, total, "cyan"))
    for stage in report.stages:
        _add_stage(table, stage, total, rules)
    for name, count, color in (
        ("throttled", report.throttled, "yellow"),
        ("denied", report.denied, "red"),
        ("allowed", report.allowed, "green"),
    ):
        table.add_row(f"[bold]{name}", _count(count), "", *_bar(count, total, color))
    return table


def scorecard_table(scorecard: Scorecard) -> Table:
    """How much of each kind was stopped: recall of the bad ones, false positives of the good."""
    table = _table("Against the labels")
    table.add_column("kind", no_wrap=True)
    table.add_column("requests", justify="right", no_wrap=True)
    table.add_column("stopped", justify="right", no_wrap=True)
    table.add_column("", min_width=_KIND_CELLS, no_wrap=True)
    for heading in ("precision", "clients", "stopped"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in scorecard.kinds:
        table.add_row(*_kind_cells(row))
    sums = (("requests", scorecard.requests), ("clients", scorecard.clients))
    table.caption = "\n".join(_about_rates(name, rates) for name, rates in sums)
    table.caption_justify = "left"
    return table


def _about_rates(name: str, rates: Rates) -> str:
    return (
        f"{name}: precision {_percent(rates.precision)}, recall {_percent(rates.recall)}, "
        f"false positives {_percent(rates.false_positive_rate)}"
    )


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, pad_edge=False)


def _add_stage(table: Table, stage: StageRow, total: int, rules: int) -> None:
    observed = sum(row.observed for row in stage.rules)
    table.add_row(
        f"[bold]{stage.stage}",
        _count(stage.stopped),
        _count(observed),
        *_bar(stage.stopped, total, "red"),
    )
    for row in stage.rules[:rules]:
        table.add_row(*_rule_cells(row))
    left = stage.rules[rules:]
    if left:
        stopped = sum(row.throttled + row.denied for row in left)
        seen = sum(row.observed for row in left)
        table.add_row(f"  and {len(left)} more", _count(stopped), _count(seen), "", "", style="dim")


def _rule_cells(row: RuleRow) -> Sequence[Text]:
    verbs = {"throttle": row.throttled, "deny": row.denied, "allow": row.allowed}
    told = " and ".join(word for word, count in verbs.items() if count) or "observe"
    count = row.throttled + row.denied or row.allowed
    cells = (f"  {row.rule_id}", _count(count), _count(row.observed), "", f"{told}: {row.reason}")
    return [Text(cell, style="dim") for cell in cells]


def _kind_cells(row: KindRow) -> Sequence[Text | str]:
    color = "red" if row.bad else "green"
    share = row.requests_stopped_share or 0.0
    return (
        Text(row.kind, style=color),
        _count(row.requests),
        _percent(row.requests_stopped_share),
        Text(bar(share, _KIND_CELLS), style=color),
        _percent(row.precision) if row.bad else "",
        _count(row.clients),
        _percent(row.clients_stopped_share),
    )


def bar(share: float, cells: int) -> str:
    """A bar of at most `cells` characters, an eighth of a character exact."""
    eighths = round(max(0.0, min(1.0, share)) * cells * 8)
    if share > 0 and eighths == 0:
        eighths = 1
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[part] if part else "")


def _bar(count: int, total: int, color: str) -> tuple[str, Text]:
    share = count / total if total else 0.0
    return _percent(share if total else None), Text(bar(share, BAR_CELLS), style=color)


def _count(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
