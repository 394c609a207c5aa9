"""Draws what share of clients each limit would touch, as SVG. Both axes are logarithmic."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from riskengine.analyst.limit_suggestion import Suggestion, WindowReport

WIDTH, HEIGHT = 680, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 14, 40


class _Axes:
    """Where a limit and a share lie on the drawing."""

    def __init__(self, limit_max: int, share_min: float) -> None:
        self._decades_x = max(1.0, math.log10(limit_max))
        self._decades_y = max(1.0, -math.log10(share_min))

    def x(self, limit: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * math.log10(limit) / self._decades_x

    def y(self, share: float) -> float:
        """Nothing lies on the bottom line, a little below the smallest share there can be."""
        depth = self._decades_y * 1.12
        down = depth if share <= 0 else min(depth, -math.log10(share))
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * down / depth

    def ticks_x(self) -> Iterator[int]:
        for decade in range(int(self._decades_x) + 1):
            for step in (1, 2, 5):
                if math.log10(step) + decade <= self._decades_x + 1e-9:
                    yield step * 10**decade

    def ticks_y(self) -> Iterator[float]:
        for decade in range(int(self._decades_y) + 1):
            yield 10.0**-decade


def plot(suggestion: Suggestion, window: WindowReport) -> str:
    """One `<svg>`: a stepped line for good, bad or all clients, and the proposed limit."""
    sizes = [suggestion.clients, suggestion.good, suggestion.bad]
    axes = _Axes(max(2, window.curve[-1].limit), 1 / max(2, *sizes))
    label = f"Share of clients touched by each limit in {window.window}"
    return "\n".join([
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">',
        *_grid(axes),
        *_proposed(axes, window),
        *(_line(axes, line) for line in _lines(suggestion, window)),
        "</svg>",
    ])  # fmt: skip


class _Line:
    """Shares at the limits of a curve."""

    def __init__(self, name: str, points: Sequence[tuple[int, float]]) -> None:
        self.name = name
        self.points = points


def _lines(suggestion: Suggestion, window: WindowReport) -> Iterator[_Line]:
    if not suggestion.labelled:
        yield _Line("all", [(p.limit, p.every / suggestion.clients) for p in window.curve])
    if suggestion.good:
        yield _Line("good", [(p.limit, p.good / suggestion.good) for p in window.curve])
    if suggestion.bad:
        yield _Line("bad", [(p.limit, p.bad / suggestion.bad) for p in window.curve])


def _line(axes: _Axes, line: _Line) -> str:
    """Steps, because nothing is known between two limits."""
    steps, before = [], line.points[0][1]
    for limit, share in line.points:
        steps += [(limit, before), (limit, share)]
        before = share
    points = " ".join(f"{axes.x(limit):.1f},{axes.y(share):.1f}" for limit, share in steps)
    return f'<polyline class="{line.name}" points="{points}"/>'


def _grid(axes: _Axes) -> Iterator[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    for limit in axes.ticks_x():
        x = axes.x(limit)
        yield f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_short(limit)}</text>'
    for share in axes.ticks_y():
        y = axes.y(share)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * share:g} %</text>'
    yield f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>'
    yield f'<text x="{_LEFT - 8}" y="{bottom + 4}" text-anchor="end">none</text>'
    yield f'<text x="{right}" y="{HEIGHT - 6}" text-anchor="end">limit</text>'


def _proposed(axes: _Axes, window: WindowReport) -> Iterator[str]:
    x, bottom = axes.x(window.proposed.limit), HEIGHT - _BOTTOM
    anchor, beside = ("end", -6) if x > WIDTH / 2 else ("start", 6)
    yield f'<line class="proposed" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>'
    yield (
        f'<text class="proposed" x="{x + beside:.1f}" y="{_TOP + 12}" text-anchor="{anchor}">'
        f"proposed: {window.proposed.limit}</text>"
    )


def _short(limit: int) -> str:
    return f"{limit // 1000}k" if limit >= 1000 and limit % 1000 == 0 else str(limit)
