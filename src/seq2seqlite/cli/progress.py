"""Progress bars and status lines of long commands, on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["live_line", "progress_bar", "status", "study_progress", "tool_status"]


@contextmanager
def progress_bar(label: str, /) -> Iterator[Callable[..., None]]:
    """Show a progress bar with the remaining time; it pulses until the first call of the function.

    Parameters
    ----------
    label : str
        Label of the bar.

    Yields
    ------
    callable
        Function of the amounts of work done and in total, and optionally of the current loss.
    """
    bar = _bars(MofNCompleteColumn())
    task = bar.add_task(label, total=None)

    def move(done: int, total: int, loss: float | None = None) -> None:
        description = label if loss is None else f"{label}, loss {loss:.3g}"
        bar.update(task, completed=done, total=total, description=description)

    with bar:
        yield move


@contextmanager
def status(label: str, /) -> Iterator[None]:
    """Show a spinner for work of unknown duration."""
    with Console(stderr=True).status(escape(label)):
        yield


@contextmanager
def tool_status() -> Iterator[Callable[[str, float, str], None]]:
    """Yield a function that shows the name, the run time and the last output line of a tool."""
    with live_line() as (show, _):
        yield lambda tool, seconds, line: show(f"{tool}, {seconds:.0f} s: {line}")


@contextmanager
def live_line() -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """Yield two functions: one replaces the current status line, the other prints a permanent line."""
    console = Console(stderr=True)
    with console.status("") as shown:

        def show(line: str) -> None:
            shown.update(escape(line[: max(console.width - 4, 20)]))

        def print_line(line: str) -> None:
            console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield show, print_line


@contextmanager
def study_progress(study: Any, /) -> Iterator[tuple[Callable[..., Any], Callable[..., None]]]:
    """Show progress bars of a study, with the remaining time, and of its current run.

    Parameters
    ----------
    study : Study
        Study, whose runs are weighted by steps, batch size and multiply-accumulate operations.

    Yields
    ------
    tuple of callable
        ``progress`` and ``finished`` as :func:`seq2seqlite.studies.runs.perform_all` takes them.
    """
    work = {run.id: _work(run) for run in study.runs}
    bar = _bars(TaskProgressColumn())
    whole = bar.add_task(f"study {study.name}", total=sum(work.values()))
    single = bar.add_task("", total=None, visible=False)
    done = {"work": 0.0, "runs": 0}

    def progress(run: Any) -> Callable[..., None]:
        label = f"{run.group}: {run.label}"

        def move(step: int, steps: int, loss: float) -> None:
            bar.update(
                single, description=f"{label}, loss {loss:.3g}", completed=step, total=steps, visible=True
            )
            bar.update(whole, completed=done["work"] + work.get(run.id, 0.0) * step / max(steps, 1))

        return move

    def finished(result: Any) -> None:
        done["work"] += work.get(result.id, 0.0)  # runs of a search are not known at the start
        done["runs"] += 1
        description = f"study {study.name}, {done['runs']} of {len(work)} runs"
        bar.update(whole, description=description, completed=done["work"])

    with bar:
        yield progress, finished


def _work(run: Any) -> float:
    training = run.recipe.training
    # An evaluation takes about as long as 20 thousand decays of training.
    return float((training.steps * training.batch + 20_000) * training.architecture.macs_per_decay(1))


def _bars(share: ProgressColumn) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        share,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # Without a terminal, only errors are printed on stderr.
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
