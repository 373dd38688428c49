"""Names that the shell completes, and options that take them.

Where no name fits, the completion scripts of Typer complete the names of files.
"""

from collections.abc import Iterable
from typing import Annotated

import typer

from seq2seqlite.resources import configs_folder, pretrained_folder

__all__ = [
    "InstrumentOption",
    "QuantisedModelOption",
    "complete_instrument",
    "complete_model",
    "complete_predictor",
    "complete_set",
    "complete_source",
]


def complete_model(incomplete: str) -> list[str]:
    """Return the shipped models whose names start with a word."""
    return _starting(incomplete, _models())


def complete_predictor(incomplete: str) -> list[str]:
    """Return the shipped models and the estimators whose names start with a word."""
    from seq2seqlite.estimators import ESTIMATORS

    return _starting(incomplete, [*_models(), *ESTIMATORS])


def complete_instrument(incomplete: str) -> list[str]:
    """Return the shipped instruments whose names start with a word."""
    return _starting(incomplete, _instruments())


def complete_source(incomplete: str) -> list[str]:
    """Return the simulated cameras of ``stream`` whose names start with a word."""
    return _starting(incomplete, ["camera", *_instruments()])


def complete_set(incomplete: str) -> list[str]:
    """Return the sample sets whose names start with a word."""
    from seq2seqlite.io.sample_data import sample_sets

    return _starting(incomplete, sample_sets())


# A completion lists files without importing the packages that read them, which would take seconds.
def _models() -> list[str]:
    return [path.stem for path in pretrained_folder().glob("*.npz")]


def _instruments() -> list[str]:
    return [path.stem for path in (configs_folder() / "instruments").glob("*.toml")]


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))


InstrumentOption = Annotated[
    str,
    typer.Option("--instrument", help="Shipped instrument or TOML file", autocompletion=complete_instrument),
]
"""Option ``--instrument`` of commands that require an instrument."""

QuantisedModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        help="Shipped model, .npz or .program file; must be fully quantised",
        autocompletion=complete_model,
    ),
]
"""Option ``--model`` of commands that convert a model to an integer program."""
