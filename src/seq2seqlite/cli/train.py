"""``seq2seqlite train``: training of a network according to a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.cli.trained import check_apart, print_card
from seq2seqlite.training.recipe import load_recipe

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
    from seq2seqlite.compression.model_folder import ModelFolder, train_model

    check_apart(ModelFolder.of(described, out), json_file)

    with progress_bar(described.name) as progress:
        card = train_model(described, out, progress=progress, report=lambda line: typer.echo(line, err=True))
    print_card(out, card)
    write_json(json_file, card)
