"""The progress bar of long commands, on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(label: str, /) -> Iterator[Callable[..., None]]:
    """Give a function that shows what is done and the time left; the bar begins with its first call.

    Parameters
    ----------
    label : str
        What is going on.

    Yields
    ------
    callable
        Called with what is done, of how much, and optionally the present loss.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # Where nobody watches, an error is the only line on stderr.
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(label, total=None)

    def move(done: int, total: int, loss: float | None = None) -> None:
        bar.start()
        description = label if loss is None else f"{label}, loss {loss:.3g}"
        bar.update(task, completed=done, total=total, description=description)

    try:
        yield move
    finally:
        if bar.live.is_started:
            bar.stop()
