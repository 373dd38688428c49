"""``seq2seqlite fetch``: download of sample sets."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from seq2seqlite.cli.completion import complete_set
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import status
from seq2seqlite.io import sample_data

__all__ = ["fetch"]


def fetch(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Sample set to download; without it, the sets are listed.",
            autocompletion=complete_set,
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            help="Folder for downloads; default: SEQ2SEQLITE_CACHE, or the cache folder of the user.",
        ),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Download a measured sample set, or list the sample sets.

    The path of the set (of the file, if it has only one) is printed on stdout, licence and citation on
    stderr. Set the environment variable SEQ2SEQLITE_DATA to use a folder as an offline mirror.
    """
    sets = sample_data.sample_sets()
    if name is None:
        _print_table(sets)
        write_json(json_file, {"sets": {key: _row(sample) for key, sample in sets.items()}})
        return
    with status(f"fetching {name}"):
        path = sample_data.fetch(name, cache=cache)
    sample = sets[name]
    typer.echo(f"licence {sample.licence}; cite {sample.citation}", err=True)
    typer.echo(path)
    write_json(json_file, {"name": name, "path": path, **_row(sample)})


def _print_table(sets: dict[str, sample_data.SampleSet]) -> None:
    table = Table(
        Column("set", no_wrap=True), Column("MB", justify="right"), "licence", "download", "content"
    )
    for name, sample in sets.items():
        download = "yes" if sample.downloadable else "mirror only"
        table.add_row(name, f"{sample.bytes / 1e6:.2f}", sample.licence, download, sample.summary)
    Console().print(table)


def _row(sample: sample_data.SampleSet) -> dict[str, object]:
    content = {key: value for key, value in asdict(sample).items() if key != "name" and value}
    return {**content, "bytes": sample.bytes, "downloadable": sample.downloadable}
