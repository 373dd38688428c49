"""Training of one student from a compression recipe."""

import dataclasses
from pathlib import Path

from seq2seqlite.compression.compiled import compression_objective
from seq2seqlite.compression.direct import DirectCompressionObjective
from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.compression.recipe import CompressionRecipe
from seq2seqlite.errors import InputError
from seq2seqlite.models import Network
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.training.loop import Progress, TrainingResult, train
from seq2seqlite.training.objective import start_network

__all__ = ["compress"]


def compress(
    recipe: CompressionRecipe,
    /,
    *,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train, prune and quantise one student as specified by a recipe.

    Parameters
    ----------
    recipe : CompressionRecipe
        All settings that determine the result.
    checkpoint, progress
        See :func:`seq2seqlite.training.loop.train`.

    Returns
    -------
    TrainingResult
        Student, learning curve and summary.

    Raises
    ------
    InputError
        If the recipe does not match its instrument or its models, or the training diverges.

    See Also
    --------
    seq2seqlite.compress_model :
        Reduce, prune, distil and quantise a network by a recipe, and write the student and its card.
    seq2seqlite.compression.load_compression_recipe :
        Return a shipped compression recipe by name, or the recipe in a TOML file.
    """
    if recipe.training.steps:
        direct = recipe.training.architecture.direct
        objective = DirectCompressionObjective(recipe) if direct else compression_objective(recipe)
        result = train(recipe.training, objective=objective, checkpoint=checkpoint, progress=progress)
    else:
        result = TrainingResult(_taken_as_it_is(recipe), [], {"steps": 0, "decays": 0, "seconds": 0.0})
    plan = recipe.quantisation
    if plan is None or plan.method != "ptq":
        return result
    return TrainingResult(quantise_network(result.model, plan), result.curve, result.summary)


def _taken_as_it_is(recipe: CompressionRecipe) -> Network:
    training = recipe.training
    model = start_network(training)
    if model.architecture != training.architecture:
        raise InputError(
            f"start_from={training.start_from!r} has {model.architecture}, but the recipe has "
            f"{training.architecture}; without training (steps=0) both must be equal"
        )
    instrument = load_instrument(training.instrument)
    if model.axis != instrument.axis:
        raise InputError(
            f"start_from={training.start_from!r} was trained for {model.axis}, but instrument "
            f"{instrument.name} has {instrument.axis}; train it (steps > 0) or start from another model"
        )
    return Network(dataclasses.replace(model.content, name=training.name))
