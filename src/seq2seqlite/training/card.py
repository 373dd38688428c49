"""Model card of a trained model: origin, training and metrics."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seq2seqlite.evaluation.networks import REFERENCE_DECAYS, evaluate_decays, evaluate_responses
from seq2seqlite.models import Network
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation.decay_set import REFERENCE_SEED, DecaySet, reference_set
from seq2seqlite.simulation.instrument import Instrument, load_instrument
from seq2seqlite.training.loop import TrainingResult
from seq2seqlite.training.recipe import Recipe

__all__ = ["FIRST_DECAYS", "machine", "model_card_of", "reference_metrics"]

LICENCE = "BSD-3-Clause"
# Decays on which a slow network can be checked quickly.
FIRST_DECAYS = 2000


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
        learning curve), ``reference`` (seed, decays, SHA-256, metrics, those with a measured response for a
        network that uses it, and under ``first`` those of the first 2,000 decays), ``provenance``.
    """
    data = reference_set(recipe.instrument, n=REFERENCE_DECAYS)
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
            **reference_metrics(result.model, load_instrument(recipe.instrument), data),
            "first": reference_metrics(
                result.model,
                load_instrument(recipe.instrument),
                reference_set(recipe.instrument, n=FIRST_DECAYS),
            ),
        },
        "provenance": provenance(),
    }


def reference_metrics(model: Network, instrument: Instrument, data: DecaySet, /) -> dict[str, Any]:
    """Return the metrics of a model on decays of a reference set, with and without a measured response.

    Parameters
    ----------
    model : Network
        Model.
    instrument : Instrument
        Instrument.
    data : DecaySet
        First decays of its reference set.
    """
    found: dict[str, Any] = {"metrics": evaluate_decays(model, data)}
    if model.uses_response:
        found["metrics_response_given"] = evaluate_responses(model, instrument, n=len(data.tpsf))
    return found


def machine() -> str:
    """Return the number of cores and the processor of this machine."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux, or /proc/cpuinfo has no model name
    return f"{os.cpu_count()} cores, {model}"
