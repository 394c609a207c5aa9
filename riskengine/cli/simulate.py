"""`riskengine simulate`: labelled shop traffic, written as JSON lines."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from riskengine.analyst.simulate import START, USUAL_MIX
from riskengine.analyst.simulate import simulate as simulate_traffic
from riskengine.errors import InputError, SettingsError
from riskengine.records.lines import RequestLine

_PROGRESS_EVERY = 1_000


def simulate(
    seed: Annotated[int, typer.Option(help="Equal seeds give equal files.")],
    out: Annotated[str, typer.Option(help="File to write; - for standard output.")],
    minutes: Annotated[float, typer.Option(help="How long the traffic lasts.")] = 10.0,
    scale: Annotated[float, typer.Option(help="Multiplies the number of clients.")] = 1.0,
    mix: Annotated[
        list[str] | None,
        typer.Option(help="kind=share; repeat it. Kinds that are not named stay away."),
    ] = None,
    start: Annotated[
        str, typer.Option(help="Time of the first moment, ISO 8601 with a zone.")
    ] = START.isoformat(),
    as_json: Annotated[
        bool, typer.Option("--json", help="Say what was written as one JSON object.")
    ] = False,
) -> None:
    """Write labelled traffic of a simulated shop: people, crawlers, and bots of seven kinds.

    Kinds: shopper, crawler, monitor, scraper-fast, scraper-slow, scraper-distributed,
    scraper-headless, scalper, stuffer, prober. docs/simulation.md describes each.
    """
    traffic = simulate_traffic(
        seed, minutes=minutes, scale=scale, mix=_read_mix(mix), start=_read_start(start)
    )
    try:
        with _opened(out) as file, _progress(minutes) as seen:
            counts = write_lines(seen(traffic), file)
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise InputError(f"--out {out}: cannot be written: {problem.strerror}") from None
    # Standard output may be the traffic itself: then the summary must not stand in it.
    typer.echo(_summary(out, counts, as_json), err=out == "-")


def write_lines(lines: Iterable[RequestLine], file: BinaryIO) -> Counter[str]:
    """Write request lines as JSON, one a line; how many of each kind there were."""
    encode = msgspec.json.Encoder().encode
    counts: Counter[str] = Counter()
    for line in lines:
        file.write(encode(line) + b"\n")
        counts[line.label.kind if line.label else "unlabelled"] += 1
    return counts


def _read_mix(pairs: list[str] | None) -> dict[str, float] | None:
    if not pairs:
        return None
    mix: dict[str, float] = {}
    for pair in pairs:
        kind, _, share = pair.partition("=")
        if kind in mix:
            raise SettingsError(f"--mix {pair}: {kind} has a share already")
        mix[kind] = _read_share(pair, share)
    return mix


def _read_share(pair: str, share: str) -> float:
    try:
        return float(share)
    except ValueError:
        example = f"{next(iter(USUAL_MIX))}=0.9"
        raise SettingsError(f"--mix must be kind=share, such as {example}, got {pair!r}") from None


def _read_start(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"--start must be a time such as {START.isoformat()}, got {text!r}"
        ) from None


@contextmanager
def _opened(out: str) -> Iterator[BinaryIO]:
    if out == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with open(out, "wb") as file:  # noqa: PTH123 - the path as typed, for the message
        yield file


class _Watched:
    """Lets lines pass and moves a progress bar by their time."""

    def __init__(self, progress: Progress, minutes: float) -> None:
        self._progress = progress
        self._task = progress.add_task("simulating", total=minutes * 60)

    def __call__(self, lines: Iterable[RequestLine]) -> Iterator[RequestLine]:
        first: datetime | None = None
        for number, line in enumerate(lines):
            first = first or line.received_at
            if number % _PROGRESS_EVERY == 0:
                passed = (line.received_at - first).total_seconds()
                self._progress.update(self._task, completed=passed)
            yield line


@contextmanager
def _progress(minutes: float) -> Iterator[_Watched]:
    """A bar on a terminal, nothing in a pipe."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        yield _Watched(progress, minutes)


def _summary(out: str, counts: Counter[str], as_json: bool) -> str:
    total = counts.total()
    if as_json:
        return json.dumps({"out": out, "lines": total, "kinds": dict(sorted(counts.items()))})
    kinds = ", ".join(f"{kind} {count}" for kind, count in counts.most_common())
    return f"{total} lines written to {out}: {kinds}"
