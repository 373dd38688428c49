"""Predictors by name: trained models, integer programs and estimators.

- :func:`load_predictor`: name or file to predictor
- :func:`choose_model`: default model of a measurement
- :func:`load_program`: name or file to integer program
- :func:`predictors_for`: all predictors of an instrument
- :mod:`~seq2seqlite.predictors.source`: a predictor by name for measurements and worker processes
- :mod:`~seq2seqlite.predictors.native_axis`: estimators on the time axis of a measurement
- :mod:`~seq2seqlite.predictors.collected_gates`: predictors for cameras that deliver single gates
"""

from seq2seqlite.predictors.choice import ChosenSource, ModelChoice, choose_model
from seq2seqlite.predictors.collected_gates import CollectedGates
from seq2seqlite.predictors.fit_options import FitOptions
from seq2seqlite.predictors.resolve import (
    RESPONSE_COUNTS,
    Backend,
    check_backend,
    is_estimator,
    load_any_program,
    load_predictor,
    load_program,
    predictors_for,
)

__all__ = [
    "RESPONSE_COUNTS",
    "Backend",
    "ChosenSource",
    "CollectedGates",
    "FitOptions",
    "ModelChoice",
    "check_backend",
    "choose_model",
    "is_estimator",
    "load_predictor",
    "load_any_program",
    "load_program",
    "predictors_for",
]
