"""``seq2seqlite train``."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.cli.trained import check_model_files, checkpoint_file, write_model
from seq2seqlite.training.malloc import restart_with_large_pages
from seq2seqlite.training.recipe import load_recipe

__all__ = ["train"]


def train(
    recipe: Annotated[str, typer.Option(help="Recipe of a shipped model, or TOML file.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Folder for the model and its card.")
    ],
    json_file: JsonOption = None,
) -> None:
    """Train a network by a recipe, evaluate it on its reference set, and write model and card.

    The training is saved every minute beside the model; started again, it goes on where it was, bit for bit.
    """
    described = load_recipe(recipe)
    table = described.by_name().to_dict()
    check_model_files(out, described, table=table, json_file=json_file)
    restart_with_large_pages()
    from seq2seqlite.training.loop import train as run_training

    with progress_bar(described.name) as progress:
        result = run_training(described, checkpoint=checkpoint_file(out, described), progress=progress)
    write_model(out, described, result, table=table, json_file=json_file)
