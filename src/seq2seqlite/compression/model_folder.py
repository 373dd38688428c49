"""Train or compress a network by a recipe, and write model and card to a folder."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.compression.cost import cost_figures
from seq2seqlite.compression.recipe import CompressionRecipe, load_compression_recipe
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.json_text import json_text
from seq2seqlite.training.card import model_card_of
from seq2seqlite.training.loop import Progress, TrainingResult
from seq2seqlite.training.malloc import malloc_hint
from seq2seqlite.training.recipe import Recipe, load_recipe

__all__ = ["ModelFolder", "compress_model", "train_model"]


@dataclass(frozen=True)
class ModelFolder:
    """Files of one model: ``NAME.npz``, its card ``NAME.json``, and a checkpoint while it trains.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the files.
    recipe : Recipe
        Training recipe; gives the name.
    table : mapping
        The whole recipe as plain values, for the card.
    """

    folder: Path
    recipe: Recipe
    table: Mapping[str, Any]

    @classmethod
    def of(cls, recipe: Recipe | CompressionRecipe, folder: str | Path, /) -> "ModelFolder":
        """Return the files of the model of a recipe."""
        training = recipe.training if isinstance(recipe, CompressionRecipe) else recipe
        return cls(Path(folder), training, recipe.by_name().to_dict())

    @property
    def model(self) -> Path:
        """Model file."""
        return self.folder / f"{self.recipe.name}.npz"

    @property
    def card(self) -> Path:
        """Card of the model."""
        return self.folder / f"{self.recipe.name}.json"

    @property
    def checkpoint(self) -> Path:
        """State of an interrupted training, from which it resumes."""
        return self.folder / f".{self.recipe.name}.checkpoint.npz"

    def check(self) -> None:
        """Raise InputError if a model or card of this name exists that another recipe made."""
        if not self.card.exists() and not self.model.exists():
            return
        try:
            made_by = json.loads(self.card.read_text(encoding="utf-8"))["recipe"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            made_by = None
        if made_by != json.loads(json_text(self.table)):
            raise InputError(
                f"{self.model} was not made by this recipe; move it with its card, or choose another name or "
                "output folder"
            )

    def write(self, result: TrainingResult, /) -> dict[str, Any]:
        """Write model and card, remove the checkpoint, and return the card."""
        cost = cost_figures(result.model)
        card = model_card_of(self.recipe, result, described=self.table, cost=cost)
        with replace_when_done(self.card) as temporary:
            temporary.write_text(json_text(card), encoding="utf-8")
        result.model.write(self.model)
        self.checkpoint.unlink(missing_ok=True)
        return card


def train_model(
    recipe: str | Path | Recipe,
    out: str | Path,
    /,
    *,
    progress: Progress | None = None,
    report: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Train a network by a recipe, evaluate it on its reference set, and write model and card.

    Parameters
    ----------
    recipe : str, path-like or Recipe
        Name of a shipped model's recipe, TOML file, or recipe.
    out : path-like
        Folder for ``NAME.npz`` and ``NAME.json``. An interrupted training resumes from its checkpoint there.
    progress : callable, optional
        Called after each step with the step, the number of steps and the loss.
    report : callable, optional
        Called with one line that states how to train faster, if there is a way.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    InputError
        If the recipe is not valid, the folder holds a model of another recipe, or the training diverged.

    See Also
    --------
    compress_model : Reduce, prune, distil and quantise a network.
    load_model : Return a shipped model by name, or the model in a file.
    """
    from seq2seqlite.training.loop import train

    found = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    place = ModelFolder.of(found, out)
    return _written(place, lambda: train(found, checkpoint=place.checkpoint, progress=progress), report)


def compress_model(
    recipe: str | Path | CompressionRecipe,
    out: str | Path,
    /,
    *,
    progress: Progress | None = None,
    report: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Reduce, prune, distil and quantise a network by a recipe, and write the student and its card.

    Parameters
    ----------
    recipe : str, path-like or CompressionRecipe
        Name of a shipped student's recipe, TOML file, or recipe.
    out, progress, report
        As for :func:`train_model`.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    InputError
        As :func:`train_model`.

    See Also
    --------
    train_model : Train a network without compression.
    run_study : Compare compression techniques on one instrument, and write a report; the command ``study``.
    """
    from seq2seqlite.compression.compress import compress

    found = recipe if isinstance(recipe, CompressionRecipe) else load_compression_recipe(recipe)
    place = ModelFolder.of(found, out)
    return _written(place, lambda: compress(found, checkpoint=place.checkpoint, progress=progress), report)


def _written(
    place: ModelFolder, run: Callable[[], TrainingResult], report: Callable[[str], None] | None
) -> dict[str, Any]:
    place.check()
    hint = malloc_hint()
    if report is not None and hint is not None:
        report(hint)
    return place.write(run())
