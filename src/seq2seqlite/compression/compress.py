"""One student by one recipe."""

import dataclasses
from pathlib import Path

from seq2seqlite.compression.objective import CompressionObjective
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
    """Make one student.

    Parameters
    ----------
    recipe : CompressionRecipe
        Everything that decides the result.
    checkpoint, progress
        As of :func:`seq2seqlite.training.loop.train`.

    Returns
    -------
    TrainingResult
        The student, its learning curve and a summary.

    Raises
    ------
    InputError
        If the recipe, its instrument and its models do not fit each other, or the training diverged.
    """
    if recipe.training.steps:
        objective = CompressionObjective(recipe)
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
    instrument = load_instrument(training.instrument)
    if model.axis != instrument.axis:
        raise InputError(
            f"start_from={training.start_from!r} was made for {model.axis}, instrument {instrument.name} has "
            f"{instrument.axis}; train it (steps > 0) or start from another model"
        )
    return Network(dataclasses.replace(model.content, name=training.name))
