"""Stages of a training that lasts until it has converged, and its learning rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seq2seqlite.errors import InputError
from seq2seqlite.training.recipe import Recipe

__all__ = ["COOL_DOWN", "Stage", "has_converged", "last_stage_gain", "learning_rate", "stages_of"]

COOL_DOWN = 0.2
"""Share of the steps of a stage, at its end, in which the learning rate decreases."""


@dataclass(frozen=True)
class Stage:
    """One stage: a constant learning rate, then a cool-down.

    Parameters
    ----------
    number : int
        0 for the first stage.
    begin, end : int
        Last step before the cool-down, and last step of the cool-down.

    See Also
    --------
    stages_of : Stages of a recipe.
    """

    number: int
    begin: int
    end: int


def stages_of(recipe: Recipe, /) -> list[Stage]:
    """Return the stages of a recipe with a tolerance.

    The first stage ends at 80 % of ``recipe.steps``, the second at ``recipe.steps``, and each further one is
    a quarter longer, up to ``recipe.max_steps``. All stages share the steps at a constant learning rate: the
    cool-down of a stage begins where the previous stage ended. The losses at the ends of two consecutive
    stages therefore are the losses before and after the last fifth of the decays, both after a cool-down.

    Raises
    ------
    InputError
        If the warm-up does not end before the first cool-down.

    See Also
    --------
    learning_rate : Learning rate of a step.

    Examples
    --------
    >>> recipe = Recipe("a", "narrow-gate", (8,), "lite", steps=1000, tolerance=0.005, max_steps=1600)
    >>> [(stage.begin, stage.end) for stage in stages_of(recipe)]
    [(640, 800), (800, 1000), (1000, 1250), (1250, 1562)]
    """
    share = 1 - COOL_DOWN
    ends = [round(share * recipe.steps), recipe.steps]
    while math.floor(ends[-1] / share) <= recipe.max_steps and math.floor(ends[-1] / share) > ends[-1]:
        ends.append(math.floor(ends[-1] / share))
    begins = [round(share * ends[0]), *ends[:-1]]
    if not recipe.warmup_steps < begins[0] < ends[0] < ends[1]:
        raise InputError(
            f"warmup_steps={recipe.warmup_steps} must be less than {share**2:.0%} of steps={recipe.steps}, "
            f"and steps must be 5 or more, with a tolerance"
        )
    return [Stage(index, *pair) for index, pair in enumerate(zip(begins, ends, strict=True))]


def learning_rate(recipe: Recipe, stage: Stage, step: int, /) -> float:
    """Return the learning rate of step ``step``, the number of steps before it.

    It rises linearly in the warm-up, is constant, and falls as half a cosine in the cool-down of the stage.

    See Also
    --------
    stages_of : Stages of a recipe.

    Examples
    --------
    >>> recipe = Recipe("a", "narrow-gate", (8,), "lite", steps=1000, tolerance=0.005, max_steps=1000)
    >>> [round(learning_rate(recipe, Stage(1, 800, 1000), step), 5) for step in (50, 100, 799, 900, 1000)]
    [0.002, 0.004, 0.004, 0.00202, 4e-05]
    """
    if step < recipe.warmup_steps:
        return recipe.learning_rate * step / recipe.warmup_steps
    part = max(step - stage.begin, 0) / (stage.end - stage.begin)
    fall = 0.5 * (1 + math.cos(math.pi * min(part, 1.0)))
    final = recipe.final_learning_rate
    return recipe.learning_rate * (final + (1 - final) * fall)


def last_stage_gain(losses: Sequence[float], /) -> float:
    """Return by which share the last stage has reduced the lowest loss; NaN after one stage.

    Parameters
    ----------
    losses : sequence of float
        Loss at the end of each stage.

    See Also
    --------
    has_converged : Whether a training ends after these stages.

    Examples
    --------
    >>> last_stage_gain([4.0, 2.0]), last_stage_gain([2.0, 3.0])
    (0.5, 0.0)
    """
    return 1 - min(losses) / min(losses[:-1]) if len(losses) > 1 else float("nan")


def has_converged(losses: Sequence[float], tolerance: float, /) -> bool:
    """Return whether a training ends after stages with these losses.

    The last stage must have gained less than the tolerance. If its loss is higher than the lowest one by more
    than the tolerance, so must be that of the stage before: a single rise is a spike, from which a training
    recovers; two are overfitting.

    See Also
    --------
    last_stage_gain : The gain.

    Examples
    --------
    >>> has_converged([2.0, 1.9], 0.01), has_converged([2.0, 1.99], 0.01)
    (False, True)
    >>> has_converged([2.0, 3.0], 0.01), has_converged([2.0, 3.0, 3.0], 0.01)
    (False, True)
    """
    risen = [losses[end] > (1 + tolerance) * min(losses[: end + 1]) for end in range(len(losses))]
    return last_stage_gain(losses) < tolerance and (not risen[-1] or risen[-2])
