"""Acquisition planning from the Cramér-Rao bound: photons, gates and one-bit frames for a precision.

- :mod:`~seq2seqlite.planning.information`: Fisher information of the gates of an instrument
- :mod:`~seq2seqlite.planning.designs`: choices of gates, gate length and bits
- :mod:`~seq2seqlite.planning.plan`: photons, speed and precision of each design
"""

from seq2seqlite.planning.designs import Design, instrument_designs
from seq2seqlite.planning.information import (
    GateInformation,
    MeanError,
    gate_information,
    n_parameters,
)
from seq2seqlite.planning.plan import AcquisitionPlan, PlannedDesign, plan_designs

__all__ = [
    "AcquisitionPlan",
    "Design",
    "GateInformation",
    "MeanError",
    "PlannedDesign",
    "gate_information",
    "instrument_designs",
    "n_parameters",
    "plan_designs",
]
