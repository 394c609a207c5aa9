"""What `riskengine limits suggest` shows in the terminal: tables with bars."""

import math

from rich.table import Table
from rich.text import Text

from riskengine.analyst.limit_suggestion import (
    Bin,
    Candidate,
    Group,
    Suggestion,
    WindowReport,
)
from riskengine.analyst.tables import bar

_CELLS = 36


def windows_table(suggestion: Suggestion) -> Table:
    """How fast clients are at their fastest, in each window, and the limit proposed for it."""
    table = _table("Requests in a client's fastest window")
    table.add_column("window", no_wrap=True)
    for name in suggestion.windows[0].quantiles:
        heading = "fastest" if name == "p100" else name
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("proposed", "touches", "refuses"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place, window in enumerate(suggestion.windows):
        table.add_row(
            window.window,
            *(str(count) for count in window.quantiles.values()),
            f"{window.proposed.limit}",
            f"{window.proposed.every.touched} clients",
            f"{window.proposed.refused} requests",
            style="bold" if place == suggestion.best else "",
        )
    return table


def distribution_table(window: WindowReport, *, labelled: bool) -> Table:
    """The plot: how many clients were how fast. A bar grows with the logarithm of its count."""
    table = _table(f"Clients by requests in their fastest {window.window}")
    table.add_column("requests", justify="right", no_wrap=True)
    table.add_column("clients", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=_CELLS)
    if labelled:
        table.add_column("good", justify="right", no_wrap=True, style="green")
        table.add_column("bad", justify="right", no_wrap=True, style="red")
    most = max(one.clients for one in window.bins)
    for one in window.bins:
        row: list[str | Text] = [_span(one), str(one.clients), _bar(one, most, labelled=labelled)]
        table.add_row(*row, *([str(one.good), str(one.bad)] if labelled else []))
    table.caption = "bars grow with the logarithm of the number of clients"
    table.caption_justify = "left"
    return table


def candidates_table(window: WindowReport, *, labelled: bool) -> Table:
    """Whom each limit would have touched."""
    table = _table(f"What a limit in {window.window} would have done")
    table.add_column("limit", justify="right", no_wrap=True)
    headings = ["clients touched", *(("good touched", "bad touched") if labelled else ())]
    for heading in (*headings, "requests refused"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for candidate in window.candidates:
        proposed = candidate.limit == window.proposed.limit
        cells = _candidate_cells(candidate)
        table.add_row(*cells, "proposed" if proposed else "", style="bold" if proposed else "")
    return table


def _candidate_cells(candidate: Candidate) -> list[str]:
    groups = [candidate.every]
    if candidate.good is not None and candidate.bad is not None:
        groups += [candidate.good, candidate.bad]
    return [str(candidate.limit), *map(group_words, groups), str(candidate.refused)]


def group_words(group: Group) -> str:
    """`12 (0.3 %)`; a dash where there is nobody in the group."""
    percent = 100 * group.share
    digits = 0 if percent >= 9.95 or not percent else 1 if percent >= 0.995 else 2
    return f"{group.touched} ({percent:.{digits}f} %)" if group.clients else "-"


def _span(one: Bin) -> str:
    return str(one.least) if one.least == one.most else f"{one.least}-{one.most}"


def _bar(one: Bin, most: int, *, labelled: bool) -> Text:
    """Green for the good clients' part, red for the bad ones', cyan where nobody knows."""
    length = math.log1p(one.clients) / math.log1p(most)
    text = bar(length, _CELLS)
    if not labelled or not one.clients:
        return Text(text, style="cyan")
    good = round(len(text) * one.good / one.clients)
    bad = round(len(text) * one.bad / one.clients)
    drawn = Text(text[:good], style="green")
    drawn.append(text[good : len(text) - bad], style="cyan")
    return drawn.append(text[len(text) - bad :], style="red")


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, pad_edge=False)
