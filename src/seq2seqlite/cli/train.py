"""``seq2seqlite train``."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption, json_text, write_json
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.files import replace_when_done
from seq2seqlite.training import load_recipe
from seq2seqlite.training.launch import restart_with_large_pages

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
    restart_with_large_pages()
    from seq2seqlite.training.card import model_card_of
    from seq2seqlite.training.loop import train as run_training

    checkpoint = out / f".{described.name}.checkpoint.npz"
    with progress_bar(described.name) as progress:
        result = run_training(described, checkpoint=checkpoint, progress=progress)
    card = model_card_of(described, result)
    with replace_when_done(out / f"{described.name}.json") as temporary:
        temporary.write_text(json_text(card), encoding="utf-8")
    result.model.write(out / f"{described.name}.npz")
    checkpoint.unlink(missing_ok=True)
    total = card["reference"]["metrics"]["total"]["rmse"]
    typer.echo(
        f"{out / described.name}.npz: total RMSE {total} on the reference set, "
        f"{result.summary['decays']} decays seen"
    )
    write_json(json_file, card)
