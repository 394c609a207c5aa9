"""Progress of long work: on a terminal, never in a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress(total: int, name: str) -> Iterator[Callable[[int], None]]:
    """Gives what is to be told how many of `total` bytes are done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bars:
        task = bars.add_task(escape(name), total=total)
        yield lambda position: bars.update(task, completed=position)


def say_compiling(patterns: int) -> None:
    """Say that `patterns` of signatures are being compiled, which may take a minute, once."""
    console = Console(stderr=True)
    if console.is_terminal:
        console.print(f"[dim]compiling {patterns} patterns of signatures; later starts find them")
