"""``seq2seqlite evaluate``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.datasets import read_decay_set
from seq2seqlite.decay import CHANNELS
from seq2seqlite.errors import InputError
from seq2seqlite.models import load_model
from seq2seqlite.provenance import provenance
from seq2seqlite.training import evaluate_decays, evaluate_reference

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[str, typer.Option(help="Shipped model or .npz file.")],
    reference: Annotated[
        str | None,
        typer.Option(metavar="INSTRUMENT", help="Evaluate on the seeded reference set of this instrument."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Evaluate on a stored set or a plain .npz file.")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Measure a model against decays whose truth is known."""
    loaded = load_model(model)
    with Console(stderr=True).status(f"evaluating {escape(loaded.name)}"):
        if reference is not None and data is None:
            metrics = evaluate_reference(loaded, reference)
        elif data is not None and reference is None:
            metrics = evaluate_decays(loaded, read_decay_set(data))
        else:
            raise InputError("give either --reference INSTRUMENT or --data FILE")
    result = {**metrics, "parameters": loaded.architecture.n_parameters, "provenance": provenance()}
    _print(result)
    write_json(json_file, result)


def _print(result: dict[str, Any]) -> None:
    console = Console()
    console.print(
        f"{result['model']} ({result['parameters']} parameters) on {result['n']} decays of {result['data']}",
        markup=False,
    )
    if "median" in result:
        for name, value in result["median"].items():
            console.print(f"  median {name}: {value:.4g}")
        return
    channels = Table("channel", "RMSE", "R2", "L2")
    for channel in CHANNELS:
        row = result[channel]
        channels.add_row(channel, *(f"{row[key]:.4g}" for key in ("rmse", "r2", "l2")))
    lifetimes = Table("quantity", "RMSE", "median abs. error", "bias", "n")
    for name, row in result["lifetime"].items():
        lifetimes.add_row(
            name, *(f"{row[key]:.4g}" for key in ("rmse", "median_abs_error", "bias")), str(row["n"])
        )
    console.print(channels, lifetimes)
