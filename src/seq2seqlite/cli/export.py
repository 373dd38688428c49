"""``seq2seqlite export``: networks as ONNX and Keras files."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.completion import complete_model
from seq2seqlite.cli.output import JsonOption, write_json

__all__ = ["export"]


class FileFormat(StrEnum):
    """Format of an exported network."""

    ONNX = "onnx"
    KERAS = "keras"


def export(
    model: Annotated[
        str, typer.Option(help="Shipped float model, or .npz file.", autocompletion=complete_model)
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", dir_okay=False, help="File to write: .onnx or .keras.")
    ],
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="Format. Default: that of the suffix of --out.")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Write a float network as an ONNX or Keras file."""
    from seq2seqlite.provenance import provenance
    from seq2seqlite.workflows.exchange import export_model

    network = export_model(model, out, file_format=None if file_format is None else file_format.value)
    shape = [network.axis.n_gates, network.architecture.n_inputs]
    outputs = [8] if network.direct else [3, network.axis.n_gates]
    typer.echo(
        f"{out}: {network.name}, inputs (n, {shape[0]}, {shape[1]}), outputs (n, {str(outputs)[1:-1]})"
    )
    write_json(
        json_file,
        {
            "file": out,
            "model": network.name,
            "inputs": shape,
            "outputs": outputs,
            "n_baseline": network.content.n_baseline,
            "rising_edge_ns": network.rising_edge_ns,
            "response_lifetimes_ns": network.content.response_lifetimes_ns,
            "provenance": provenance(),
        },
    )
