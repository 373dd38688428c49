"""``seq2seqlite study``: comparison of compression techniques."""

from pathlib import Path
from typing import Annotated, Any

import typer

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import study_progress
from seq2seqlite.errors import InputError
from seq2seqlite.training.malloc import malloc_hint

__all__ = ["study"]


def study(
    config: Annotated[str, typer.Option(help="Shipped study or TOML file.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Output folder for the runs and the report.")
    ],
    workers: Annotated[int, typer.Option(help="Worker processes on this machine.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler of the workers.")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Compare compression techniques on one instrument, and write a report.

    An interrupted study resumes when the command is repeated, and ends with the same tables. A failed run is
    marked with the reason, and the study continues; to repeat a run, delete its folder. The number of workers
    may change the last digits of a training in floating point.
    """
    if workers < 1:
        raise InputError(f"--workers {workers} must be >= 1")
    from seq2seqlite.studies.study import load_study

    described = load_study(config)
    hint = malloc_hint()
    if hint is not None and workers == 1:  # processes that it starts have the settings
        typer.echo(hint, err=True)
    from seq2seqlite.reports.study_report import check_study_folder, write_study_report
    from seq2seqlite.studies.runs import perform_all

    check_study_folder(described, out)
    with study_progress(described) as (progress, finished):
        results = perform_all(
            described,
            out / "runs",
            workers=workers,
            scheduler=scheduler,
            progress=progress,
            finished=finished,
        )
    table = write_study_report(described, results, out)
    failed = [result for result in results.values() if result.failure is not None]
    typer.echo(
        f"{out / 'report.html'}: {len(results) - len(failed)} runs done, {len(failed)} failed"
        + "".join(f"\n  {_title(described, result.id)}: {result.failure}" for result in failed)
    )
    write_json(json_file, table)


def _title(described: Any, identity: str) -> str:
    run = next(run for run in described.runs if run.id == identity)
    return f"{run.group} {run.label} ({identity})"
