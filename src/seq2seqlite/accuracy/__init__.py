"""Accuracy of predictors on the same decays: bias, spread and error, compared with the Cramér-Rao bound.

The bound needs JAX (the extra ``train``).
"""

from seq2seqlite.accuracy.conditions import PHOTONS, Conditions, Decay, SimulatedDecays, simulated_decays
from seq2seqlite.accuracy.measure import (
    ROW_KEYS,
    PredictorOf,
    answered_shares,
    component_rows,
    measure,
    mono_rows,
)

__all__ = [
    "PHOTONS",
    "ROW_KEYS",
    "Conditions",
    "Decay",
    "PredictorOf",
    "SimulatedDecays",
    "answered_shares",
    "component_rows",
    "measure",
    "mono_rows",
    "simulated_decays",
]
