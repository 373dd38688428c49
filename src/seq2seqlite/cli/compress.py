"""``seq2seqlite compress``."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.cli.trained import begin_training, print_card
from seq2seqlite.compression import load_compression_recipe

__all__ = ["compress"]


def compress(
    recipe: Annotated[str, typer.Option(help="Recipe of a shipped student, or TOML file.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Folder for the student and its card.")
    ],
    json_file: JsonOption = None,
) -> None:
    """Make a student by a recipe: reduced, pruned, distilled, quantised.

    The training is saved every minute beside the student; an interrupted training resumes, bit for bit.
    """
    described = load_compression_recipe(recipe)
    begin_training(out, described.training.name, json_file)
    from seq2seqlite.compression.model_folder import compress_model

    with progress_bar(described.training.name) as progress:
        card = compress_model(described, out, progress=progress)
    print_card(out, card)
    write_json(json_file, card)
