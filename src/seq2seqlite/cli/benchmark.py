"""``seq2seqlite benchmark``: comparison of predictors on the same decays."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.completion import InstrumentOption
from seq2seqlite.cli.model_options import Backend, BackendOption
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.estimators import ESTIMATORS

__all__ = ["benchmark"]


class What(StrEnum):
    """Quantity to measure."""

    ACCURACY = "accuracy"


def benchmark(
    what: Annotated[
        What, typer.Argument(metavar="WHAT", help="accuracy: errors compared with the Cramér-Rao bound")
    ],
    instrument: InstrumentOption = "narrow-gate",
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "--predictor",
            help=f"Shipped model, .npz or .program file, or an estimator: {', '.join(ESTIMATORS)}; may be "
            "repeated. Default: all estimators and all shipped models of the instrument.",
        ),
    ] = None,
    backend: BackendOption = Backend.AUTO,
    photons: Annotated[
        list[float] | None,
        typer.Option(help="Photon count of a decay; may be repeated. Default: 100 to 10,000."),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Number of decays for each lifetime and photon count.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 2024,
    gate_length: Annotated[
        float | None,
        typer.Option(
            metavar="NS", help="Length of the gates of a camera. Default: the lengths of the instrument."
        ),
    ] = None,
    response_counts: Annotated[
        float,
        typer.Option(help="Counts of the measured response that models get which use one; 0 for none."),
    ] = 1e5,
    response_delay: Annotated[
        float,
        typer.Option(metavar="NS", help="Error of the delay of the response, for models and estimators."),
    ] = 0.0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Output folder for tables, figure and all values."),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Compare predictors on the same decays.

    accuracy: decays with known lifetimes and with IRFs that were not used in training. Reports bias, standard
    deviation and error of the amplitude-weighted mean lifetime, relative to the Cramér-Rao bound for a known
    IRF, and decays/s.
    """
    del what  # there is one so far, and Typer has checked it
    from seq2seqlite.evaluation.conditions import PHOTONS
    from seq2seqlite.simulation.instrument import load_instrument
    from seq2seqlite.workflows.benchmark import compare_accuracy

    described = load_instrument(instrument)
    with progress_bar(f"accuracy on {described.name}") as progress:
        result = compare_accuracy(
            described,
            model or (),
            backend=backend.value,
            photons=photons or PHOTONS,
            repeats=repeats,
            seed=seed,
            gate_length_ns=gate_length,
            response_counts=response_counts,
            response_delay_ns=response_delay,
            out=out,
            progress=progress,
        )
    typer.echo(result.markdown())
    if out is not None:
        typer.echo(f"{out / 'accuracy.md'}, accuracy.png, accuracy.json, components.json")
    write_json(json_file, result.rows)
