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
    join: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Output folder of the same study, e.g. from another machine, whose finished runs are copied "
            "first; repeatable.",
        ),
    ] = None,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Write the report of the finished runs, and perform none.")
    ] = False,
    json_file: JsonOption = None,
) -> None:
    """Compare compression techniques on one instrument, and write a report.

    An interrupted study resumes when the command is repeated, and ends with the same tables. A failed run is
    marked with the reason, and the study continues; to repeat a run, delete its folder. The number of workers
    may change the last digits of a training in floating point. The command may run several times at once on
    one folder, also on several machines: each run is performed once.
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
            join=join or [],
            report_only=report_only,
            progress=progress,
            finished=finished,
            report=lambda line: typer.echo(line, err=True),
        )
    failed = [row for row in table["rows"] if row["failure"] is not None]
    missing = len(table["missing"])
    done = len(described.runs) - len(failed) - missing
    typer.echo(
        f"{out / 'report.html'}: {done} runs done, {len(failed)} failed"
        + (f", {missing} not finished" if missing else "")
        + "".join(f"\n  {row['group']} {row['label']} ({row['run']}): {row['failure']}" for row in failed)
    )
    write_json(json_file, table)
