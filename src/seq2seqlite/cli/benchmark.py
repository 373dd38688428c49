"""``seq2seqlite benchmark``: comparison of predictors on the same decays."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

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
    instrument: Annotated[str, typer.Option(help="Shipped instrument or TOML file.")] = "swissspad3",
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
            out=out,
            progress=progress,
        )
    typer.echo(result.markdown())
    if out is not None:
        typer.echo(f"{out / 'accuracy.md'}, accuracy.png, accuracy.json, components.json")
    write_json(json_file, result.rows)
