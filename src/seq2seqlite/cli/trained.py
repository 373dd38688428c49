"""What ``train`` and ``compress`` print."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seq2seqlite.errors import InputError
from seq2seqlite.outputs import same_file

if TYPE_CHECKING:
    from seq2seqlite.compression.model_folder import ModelFolder

__all__ = ["check_apart", "print_card"]


def check_apart(place: "ModelFolder", json_file: Path | None, /) -> None:
    """Refuse to write ``--json`` to the model or its card."""
    for path in (place.card, place.model):
        if json_file is not None and same_file(json_file, path):
            raise InputError(f"--json {json_file} is an output file of this command; choose another name")


def print_card(folder: Path, card: Mapping[str, Any], /) -> None:
    """Print the most important figures of a card."""
    reference, cost = card["reference"], card["cost"]
    if "total" in reference["metrics"]:
        error = f"total RMSE {reference['metrics']['total']['rmse']}"
    else:
        metrics = reference.get("metrics_response_given", reference["metrics"]["lifetime"])
        error = f"RMSE of the mean lifetime {metrics['tau_mean_ns']['rmse']} ns"
    typer.echo(
        f"{folder / card['name']}.npz: {error} on the reference set, "
        f"{cost['parameters']} parameters of {cost['mean_weight_bits']:.3g} bits on average, "
        f"{card['training']['decays']} decays seen"
    )
