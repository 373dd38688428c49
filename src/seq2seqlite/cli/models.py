"""``seq2seqlite models``: list of the shipped models."""

from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.models import load_model, model_card, model_names

__all__ = ["models"]


def models(
    json_file: JsonOption = None,
) -> None:
    """List the shipped models with their sizes, errors and ranges of lifetimes."""
    rows = {
        name: _row(model_card(name)) | {"tau_range_ns": load_model(name).tau_range_ns}
        for name in model_names()
    }
    # The table fits into 80 columns.
    columns = ("weights", "bits", "LUTs", "RMSE", "range / ns")
    table = Table(Column("model", no_wrap=True), *columns, box=SIMPLE, collapse_padding=True)
    for name, row in rows.items():
        table.add_row(
            name,
            str(row["parameters"]),
            f"{row['mean_weight_bits']:.1f}",
            "" if row["lut_estimate"] is None else f"{row['lut_estimate']}",
            f"{row['total']['rmse']:.4f}",
            "" if row["tau_range_ns"] is None else "{:g}-{:g}".format(*row["tau_range_ns"]),
        )
    Console().print(table)
    write_json(json_file, {"models": rows})


def _row(card: dict[str, Any]) -> dict[str, Any]:
    metrics = card["reference"]["metrics"]
    return {
        "instrument": card["instrument"]["name"],
        **card["cost"],
        **{channel: metrics[channel] for channel in ("total", "short", "long")},
        "lifetime": metrics["lifetime"],
        "training": {key: value for key, value in card["training"].items() if key != "curve"},
        "licence": card["licence"],
    }
