"""The plot of an overloaded service, second by second."""

from pathlib import Path

import matplotlib as mpl

from benchmarks.overload_record import Record
from riskengine.downstream.features import Priority

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

_COLORS = {Priority.VITAL: "#2a6f97", Priority.IMPORTANT: "#61a5c2", Priority.OPTIONAL: "#c8dfea"}


def plot(records: list[Record], file: Path) -> None:
    """One panel for each run."""
    figure, rows = plt.subplots(1, len(records), figsize=(12, 3.2), sharey=True, squeeze=False)
    for record, axes in zip(records, rows[0], strict=True):
        _draw(axes, record)
    rows[0][0].set_ylabel("answered by the service\nas a share of its capacity", fontsize=8)
    rows[0][-1].legend(loc="upper right", fontsize=7)
    figure.tight_layout()
    figure.savefig(file)


def _draw(axes: Axes, record: Record) -> None:
    seconds = range(int(record.load_from_s + record.load_for_s) + (18 if record.protected else 1))
    series = [
        [
            sum(
                s.end == "service" and s.priority is priority and int(s.at_s) == second
                for s in record.samples
            )
            / record.capacity
            for second in seconds
        ]
        for priority in Priority
    ]
    names = [priority.name.lower() for priority in Priority]
    axes.stackplot(seconds, series, labels=names, colors=list(_COLORS.values()))
    axes.axhline(1.0, color="#888888", linewidth=0.8, linestyle="--")
    axes.axvspan(
        record.load_from_s, record.load_from_s + record.load_for_s, color="#f6e7cb", zorder=0
    )
    if record.protected:
        times, levels = zip(*record.levels, strict=True)
        axes.step(
            times,
            [level / 2 for level in levels],
            color="#b5171f",
            linewidth=1.2,
            where="post",
            label="level / 2",
        )
    title = f"{record.times} x capacity offered"
    axes.set_title(title if record.protected else f"{title}, unprotected", fontsize=9)
    axes.set_ylim(0, 1.6)
    axes.set_xlabel("seconds", fontsize=8)
