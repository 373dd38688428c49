"""Model card of a trained model: origin, training and metrics."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seq2seqlite.evaluation.networks import REFERENCE_DECAYS, evaluate_decays, evaluate_responses
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation.decay_set import REFERENCE_SEED, reference_set
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.training.loop import TrainingResult
from seq2seqlite.training.recipe import Recipe

__all__ = ["machine", "model_card_of"]

LICENCE = "BSD-3-Clause"


def model_card_of(
    recipe: Recipe,
    result: TrainingResult,
    /,
    *,
    described: Mapping[str, Any],
    cost: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the card of a trained model, including its metrics on the reference set.

    Parameters
    ----------
    recipe : Recipe
        Recipe of the training.
    result : TrainingResult
        Result of the training.
    described : mapping
        Complete recipe as plain values, with models by name.
    cost : mapping
        Cost figures of the network.

    Returns
    -------
    dict
        ``name``, ``licence``, ``cost``, ``instrument``, ``recipe``, ``training`` (summary, machine and
        learning curve), ``reference`` (seed, decays, SHA-256, metrics, and those with a measured response,
        for a network that uses it), ``provenance``.
    """
    data = reference_set(recipe.instrument, n=REFERENCE_DECAYS)
    given: dict[str, Any] = {}
    if result.model.uses_response:
        given = {
            "metrics_response_given": evaluate_responses(result.model, load_instrument(recipe.instrument))
        }
    return {
        "name": recipe.name,
        "licence": LICENCE,
        "cost": dict(cost),
        "instrument": load_instrument(recipe.instrument).to_dict(),
        "recipe": dict(described),
        "training": {**result.summary, "machine": machine(), "curve": result.curve},
        "reference": {
            "seed": REFERENCE_SEED,
            "n": REFERENCE_DECAYS,
            "sha256": data.sha256,
            "metrics": evaluate_decays(result.model, data),
            **given,
        },
        "provenance": provenance(),
    }


def machine() -> str:
    """Return the number of cores and the processor of this machine."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux, or /proc/cpuinfo has no model name
    return f"{os.cpu_count()} cores, {model}"
