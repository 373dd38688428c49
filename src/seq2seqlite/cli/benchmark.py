"""``seq2seqlite benchmark``."""

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
    """What can be measured."""

    ACCURACY = "accuracy"


def benchmark(
    what: Annotated[What, typer.Argument(metavar="WHAT", help="accuracy: error beside the Cramér-Rao bound")],
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
        list[float] | None, typer.Option(help="Counts of a decay; may be repeated. Default: 100 to 10,000.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Decays of each lifetime and number of photons.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 2024,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Folder for tables, picture and all figures."),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Measure predictors side by side on the same decays.

    accuracy: decays of known lifetime through IRFs that no training has seen; bias, spread and error of the
    amplitude-mean lifetime, over the Cramér-Rao bound of the known IRF, and decays a second.
    """
    del what  # there is one so far, and Typer has checked it
    from seq2seqlite.evaluation.accuracy import answered_shares, component_rows, measure, mono_rows
    from seq2seqlite.evaluation.conditions import PHOTONS, Conditions
    from seq2seqlite.predictors import predictors_for
    from seq2seqlite.reports.accuracy_report import (
        accuracy_tables,
        check_accuracy_folder,
        write_accuracy_report,
    )
    from seq2seqlite.simulation.instrument import load_instrument

    described = load_instrument(instrument)
    conditions = Conditions(described, photons=tuple(photons or PHOTONS), repeats=repeats, seed=seed)
    if out is not None:
        check_accuracy_folder(out)
    predictors = predictors_for(described, model or (), backend=backend.value)
    with progress_bar(f"accuracy on {described.name}") as progress:
        measured = measure(conditions, predictors, progress=progress)
    rows, components = mono_rows(conditions, measured), component_rows(conditions, measured)
    answered = answered_shares(conditions, measured)
    typer.echo(accuracy_tables(rows, components, answered=answered))
    if out is not None:
        settings = {
            "instrument": described.to_dict(),
            "repeats": repeats,
            "seed": seed,
            "photons": conditions.photons,
        }
        write_accuracy_report(rows, components, out, settings=settings, answered=answered)
        typer.echo(f"{out / 'accuracy.md'}, accuracy.png, accuracy.json, components.json")
    write_json(json_file, rows)
