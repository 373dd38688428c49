"""How good predictors are on the same decays: bias, spread and error beside the Cramér-Rao bound.

The bound needs JAX (the extra ``train``).
"""

from seq2seqlite.evaluation.conditions import PHOTONS, Conditions, Decay, SimulatedDecays, simulated_decays
from seq2seqlite.evaluation.predictors import (
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
