"""The card of a trained model: where it comes from and what it can do."""

import os
import platform
from pathlib import Path
from typing import Any

from seq2seqlite.datasets import REFERENCE_SEED, load_instrument, reference_set
from seq2seqlite.models import load_model
from seq2seqlite.provenance import provenance
from seq2seqlite.training.evaluation import REFERENCE_DECAYS, evaluate_decays
from seq2seqlite.training.loop import TrainingResult
from seq2seqlite.training.recipe import Recipe

__all__ = ["model_card_of"]

LICENCE = "BSD-3-Clause"


def model_card_of(recipe: Recipe, result: TrainingResult, /) -> dict[str, Any]:
    """Return the card of a trained model, its metrics on the reference set included.

    Parameters
    ----------
    recipe : Recipe
        What it was trained by.
    result : TrainingResult
        What came out.

    Returns
    -------
    dict
        ``name``, ``licence``, ``parameters``, ``macs_per_decay``, ``instrument``, ``recipe``, ``training``
        (summary, machine and learning curve), ``reference`` (seed, decays, SHA-256, metrics), ``provenance``.
    """
    architecture = result.model.architecture
    data = reference_set(recipe.instrument, n=REFERENCE_DECAYS)
    plain = recipe.to_dict()
    plain["instrument"] = Path(recipe.instrument).stem
    for key in ("start_from", "teacher"):  # by name, not by where the file was
        if key in plain:
            plain[key] = load_model(plain[key]).name
    return {
        "name": recipe.name,
        "licence": LICENCE,
        "parameters": architecture.n_parameters,
        "macs_per_decay": architecture.macs_per_decay(result.model.axis.n_gates),
        "instrument": load_instrument(recipe.instrument).to_dict(),
        "recipe": plain,
        "training": {**result.summary, "machine": _machine(), "curve": result.curve},
        "reference": {
            "seed": REFERENCE_SEED,
            "n": REFERENCE_DECAYS,
            "sha256": data.sha256,
            "metrics": evaluate_decays(result.model, data),
        },
        "provenance": provenance(),
    }


def _machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux, or a processor that has no name there
    return f"{os.cpu_count()} cores, {model}"
