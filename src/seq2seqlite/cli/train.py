"""``seq2seqlite train``: training of a network according to a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.cli.trained import check_model_files, checkpoint_file, write_model
from seq2seqlite.training import load_recipe
from seq2seqlite.training.launch import restart_with_large_pages

__all__ = ["train"]


def train(
    recipe: Annotated[str, typer.Option(help="Recipe of a shipped model, or TOML file.")],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", file_okay=False, help="Output folder for the model and its model card."),
    ],
    json_file: JsonOption = None,
) -> None:
    """Train a network according to a recipe, and write the model and its model card.

    The card contains an evaluation on the reference set. A checkpoint is saved in the output folder every
    minute. An interrupted run resumes from it when the command is repeated, with identical results.
    """
    described = load_recipe(recipe)
    table = described.by_name().to_dict()
    check_model_files(out, described, table=table, json_file=json_file)
    restart_with_large_pages()
    from seq2seqlite.training.loop import train as run_training

    with progress_bar(described.name) as progress:
        result = run_training(described, checkpoint=checkpoint_file(out, described), progress=progress)
    write_model(out, described, result, table=table, json_file=json_file)
