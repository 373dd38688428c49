"""Options ``--model`` and ``--backend``, which are the same in all commands."""

from typing import Annotated

import typer

from seq2seqlite.cli.completion import complete_predictor
from seq2seqlite.estimators import ESTIMATORS
from seq2seqlite.predictors import Backend

__all__ = ["Backend", "BackendOption", "OptionalPredictorOption", "PredictorOption"]

PredictorOption = Annotated[
    str,
    typer.Option(
        "--model",
        help=f"Shipped model, .npz or .program file, or estimator: {', '.join(ESTIMATORS)}",
        autocompletion=complete_predictor,
    ),
]
"""Option ``--model`` of commands that accept any predictor."""

OptionalPredictorOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Shipped model, .npz or .program file, board:ADDRESS, or estimator: "
        f"{', '.join(ESTIMATORS)}. Default: one that fits each file, which is printed with the reason",
        autocompletion=complete_predictor,
    ),
]
"""Option ``--model`` of commands that choose a model by default."""

BackendOption = Annotated[
    Backend,
    typer.Option(
        "--backend",
        help="Implementation of a model: the fastest exact one, the NumPy reference, compiled code for CPUs, "
        "or JAX on its default device (CPU or GPU; requires the extra train)",
    ),
]
"""Option ``--backend`` of commands that run a model."""
