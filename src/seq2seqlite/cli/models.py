"""``seq2seqlite models``: list of the shipped models."""

from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.models import load_model, model_card, model_names
from seq2seqlite.predictors.choice import model_use

__all__ = ["models"]


def models(
    json_file: JsonOption = None,
) -> None:
    """List the shipped models with their instruments, uses, sizes, errors and ranges of lifetimes."""
    rows = {
        name: _row(model_card(name)) | {"tau_range_ns": load_model(name).tau_range_ns} | model_use(name)
        for name in model_names()
    }
    Console().print(_uses(rows))
    Console().print(_costs(rows))
    write_json(json_file, {"models": rows})


# Both tables fit into 80 columns.
def _uses(rows: dict[str, dict[str, Any]]) -> Table:
    columns = ("for", "gate / ns", "period", "range / ns", "IRF")
    table = Table(Column("model", no_wrap=True), *columns, box=SIMPLE, collapse_padding=True)
    for name, row in rows.items():
        length = row["gate_length_ns"]
        table.add_row(
            name,
            row["use"],
            f"{row['gate_width_ns']:.3g}" if length is None else "{:g}-{:g}".format(*length),
            f"{row['period_ns']:.4g}",
            "" if row["tau_range_ns"] is None else "{:g}-{:g}".format(*row["tau_range_ns"]),
            "yes" if row["uses_irf"] else "no",
        )
    return table


def _costs(rows: dict[str, dict[str, Any]]) -> Table:
    columns = ("weights", "bits", "LUTs", "RMSE")
    table = Table(Column("model", no_wrap=True), *columns, box=SIMPLE, collapse_padding=True)
    for name, row in rows.items():
        table.add_row(
            name,
            str(row["parameters"]),
            f"{row['mean_weight_bits']:.1f}",
            "" if row["lut_estimate"] is None else f"{row['lut_estimate']}",
            f"{row['total']['rmse']:.4f}",
        )
    return table


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
