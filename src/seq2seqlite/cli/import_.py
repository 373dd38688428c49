"""``seq2seqlite import``: model files from ONNX and Keras files."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.completion import complete_instrument
from seq2seqlite.cli.output import JsonOption, write_json

__all__ = ["import_"]


def import_(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="ONNX (.onnx) or Keras (.keras, .h5) file.")],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", dir_okay=False, help="Model file to write, NAME.npz; names the model."),
    ],
    instrument: Annotated[
        str | None,
        typer.Option(
            help="Shipped instrument or TOML file that the network was trained for. Not for exported files.",
            autocompletion=complete_instrument,
        ),
    ] = None,
    rising_edge_ns: Annotated[
        float | None,
        typer.Option(help="Rising edge of the decays in training. Default: that of the instrument."),
    ] = None,
    n_baseline: Annotated[
        int | None,
        typer.Option(help="Leading gates averaged as baseline in training. Default: as in our trainings."),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Convert an ONNX or Keras network to a model file, and compare the outputs of both."""
    from seq2seqlite.provenance import provenance
    from seq2seqlite.workflows.exchange import import_model

    network = import_model(
        file, out, instrument=instrument, rising_edge_ns=rising_edge_ns, n_baseline=n_baseline
    )
    architecture = network.architecture
    typer.echo(
        f"{out}: {network.name}, layers {list(architecture.layers)}, cell {architecture.cell}, "
        f"{architecture.n_parameters:,} parameters"
    )
    write_json(
        json_file,
        {
            "file": out,
            "model": network.name,
            "layers": architecture.layers,
            "cell": architecture.cell,
            "parameters": architecture.n_parameters,
            "n_baseline": network.content.n_baseline,
            "rising_edge_ns": network.rising_edge_ns,
            "provenance": provenance(),
        },
    )
