"""Options ``--model`` and ``--backend``, which are the same in all commands."""

from typing import Annotated

import typer

from seq2seqlite.errors import InputError
from seq2seqlite.estimators import ESTIMATORS
from seq2seqlite.predictors import Backend, is_estimator

__all__ = ["Backend", "BackendOption", "PredictorOption", "check_trained"]

PredictorOption = Annotated[
    str,
    typer.Option(
        "--model", help=f"Shipped model, .npz or .program file, or estimator: {', '.join(ESTIMATORS)}"
    ),
]
"""Option ``--model`` of commands that accept any predictor."""

BackendOption = Annotated[
    Backend,
    typer.Option(
        "--backend",
        help="Implementation of a model: the fastest exact one, the NumPy reference, compiled code for CPUs, "
        "or JAX on its default device (CPU or GPU; requires [train])",
    ),
]
"""Option ``--backend`` of commands that run a model."""


def check_trained(model: str, command: str, /) -> None:
    """Raise `InputError` if ``--model`` is an estimator, for commands that need a trained model."""
    if is_estimator(model):
        raise InputError(
            f"--model {model} is an estimator; {command} requires a shipped model, or a .npz or .program file"
        )
