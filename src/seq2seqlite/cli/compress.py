"""``seq2seqlite compress``: compression of a network to a student."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.cli.trained import check_apart, print_card
from seq2seqlite.compression import load_compression_recipe

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
    from seq2seqlite.compression.model_folder import ModelFolder, compress_model

    check_apart(ModelFolder.of(described, out), json_file)

    with progress_bar(described.training.name) as progress:
        card = compress_model(
            described, out, progress=progress, report=lambda line: typer.echo(line, err=True)
        )
    print_card(out, card)
    write_json(json_file, card)
