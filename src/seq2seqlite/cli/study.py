"""``seq2seqlite study``: comparison of compression techniques."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import study_progress

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
    from seq2seqlite.studies.study import load_study

    described = load_study(config)
    from seq2seqlite.workflows.study import run_study

    with study_progress(described) as (progress, finished):
        table = run_study(
            described,
            out,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
            finished=finished,
            report=lambda line: typer.echo(line, err=True),
        )
    failed = [row for row in table["rows"] if row["failure"] is not None]
    typer.echo(
        f"{out / 'report.html'}: {len(described.runs) - len(failed)} runs done, {len(failed)} failed"
        + "".join(f"\n  {row['group']} {row['label']} ({row['run']}): {row['failure']}" for row in failed)
    )
    write_json(json_file, table)
