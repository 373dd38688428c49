"""Instrument descriptions, the decay simulator and sets of decays with known lifetimes."""

from seq2seqlite.simulation.camera import simulated_frames
from seq2seqlite.simulation.decay_set import (
    REFERENCE_SEED,
    DecaySet,
    read_decay_set,
    reference_set,
    simulated_set,
    write_decay_set,
)
from seq2seqlite.simulation.instrument import Instrument, copy_instrument, instrument_names, load_instrument
from seq2seqlite.simulation.ranges import DecayRanges, GateRanges, IrfRanges, ResponseRanges
from seq2seqlite.simulation.simulator import SPLITS, Decays, Simulator, measured_response

__all__ = [
    "REFERENCE_SEED",
    "SPLITS",
    "DecayRanges",
    "DecaySet",
    "Decays",
    "GateRanges",
    "Instrument",
    "IrfRanges",
    "ResponseRanges",
    "Simulator",
    "copy_instrument",
    "instrument_names",
    "load_instrument",
    "measured_response",
    "read_decay_set",
    "reference_set",
    "simulated_frames",
    "simulated_set",
    "write_decay_set",
]
