"""Output files of ``train`` and ``compress``: model, model card, and a temporary checkpoint."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seq2seqlite.cli.output import write_json
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import same_file
from seq2seqlite.training import Recipe

if TYPE_CHECKING:
    from seq2seqlite.training.loop import TrainingResult

__all__ = ["check_model_files", "checkpoint_file", "write_model"]


def checkpoint_file(folder: Path, recipe: Recipe, /) -> Path:
    """Return the path of the checkpoint from which an interrupted training resumes."""
    return folder / f".{recipe.name}.checkpoint.npz"


def check_model_files(
    folder: Path, recipe: Recipe, /, *, table: Mapping[str, Any], json_file: Path | None
) -> None:
    """Reject, before the training, the replacement of a model of another recipe.

    Parameters
    ----------
    folder, recipe, table, json_file
        As for :func:`write_model`.

    Raises
    ------
    InputError
        If a model or card of this name exists that was not made by the same recipe, or if ``json_file`` is
        one of these files.
    """
    card, model = (folder / f"{recipe.name}{suffix}" for suffix in (".json", ".npz"))
    for path in (card, model):
        if json_file is not None and same_file(json_file, path):
            raise InputError(f"--json {json_file} is an output file of this command; choose another name")
    if not card.exists() and not model.exists():
        return
    try:
        made_by = json.loads(card.read_text(encoding="utf-8"))["recipe"]
    except (OSError, ValueError, LookupError, TypeError):
        made_by = None
    if made_by != json.loads(json_text(table)):
        raise InputError(
            f"{model} was not made by this recipe; move it and its card, or choose another name or "
            f"another --out folder"
        )


def write_model(
    folder: Path,
    recipe: Recipe,
    result: "TrainingResult",
    /,
    *,
    table: Mapping[str, Any],
    json_file: Path | None,
) -> None:
    """Write a trained model and its card, and print its size and error.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder.
    recipe : Recipe
        Recipe of the training.
    result : TrainingResult
        Trained model and its evaluation.
    table : mapping
        Complete recipe, for the card.
    json_file : pathlib.Path or None
        Additional file for the card.
    """
    from seq2seqlite.compression.cost import cost_figures
    from seq2seqlite.training.card import model_card_of

    card = model_card_of(recipe, result, described=table, cost=cost_figures(result.model))
    with replace_when_done(folder / f"{recipe.name}.json") as temporary:
        temporary.write_text(json_text(card), encoding="utf-8")
    result.model.write(folder / f"{recipe.name}.npz")
    checkpoint_file(folder, recipe).unlink(missing_ok=True)
    total, cost = card["reference"]["metrics"]["total"]["rmse"], card["cost"]
    typer.echo(
        f"{folder / recipe.name}.npz: total RMSE {total} on the reference set, "
        f"{cost['parameters']} parameters of {cost['mean_weight_bits']:.3g} bits on average, "
        f"{result.summary['decays']} decays seen"
    )
    write_json(json_file, card)
