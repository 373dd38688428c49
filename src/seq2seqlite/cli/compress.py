"""``seq2seqlite compress``."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.cli.trained import check_model_files, checkpoint_file, write_model
from seq2seqlite.compression import load_compression_recipe
from seq2seqlite.training.malloc import restart_with_large_pages

__all__ = ["compress"]


def compress(
    recipe: Annotated[str, typer.Option(help="Recipe of a shipped student, or TOML file.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Folder for the student and its card.")
    ],
    json_file: JsonOption = None,
) -> None:
    """Make a student: reduced, pruned, distilled, quantised, as a recipe says.

    The training is saved every minute beside the student; started again, it goes on, bit for bit.
    """
    described = load_compression_recipe(recipe)
    table = described.by_name().to_dict()
    check_model_files(out, described.training, table=table, json_file=json_file)
    restart_with_large_pages()
    from seq2seqlite.compression.compress import compress as run_compression

    training = described.training
    with progress_bar(training.name) as progress:
        result = run_compression(described, checkpoint=checkpoint_file(out, training), progress=progress)
    write_model(out, training, result, table=table, json_file=json_file)
