"""``seq2seqlite compress``: compression of a network to a student."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.cli.trained import check_model_files, checkpoint_file, write_model
from seq2seqlite.compression import load_compression_recipe
from seq2seqlite.training.launch import restart_with_large_pages

__all__ = ["compress"]


def compress(
    recipe: Annotated[str, typer.Option(help="Recipe of a shipped student, or TOML file.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", file_okay=False, help="Output folder for the student and its model card."
        ),
    ],
    json_file: JsonOption = None,
) -> None:
    """Compress a network to a student by reduction, pruning, distillation and quantisation.

    A checkpoint is saved in the output folder every minute. An interrupted run resumes from it when the
    command is repeated, with identical results.
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
