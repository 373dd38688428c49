"""Instrument descriptions, the decay simulator and sets of decays with known lifetimes."""

from seq2seqlite.datasets.decay_set import (
    REFERENCE_SEED,
    DecaySet,
    check_decay_set_file,
    read_decay_set,
    reference_set,
    simulated_set,
    write_decay_set,
)
from seq2seqlite.datasets.instrument import (
    DecayRanges,
    Instrument,
    IrfRanges,
    instrument_names,
    load_instrument,
)
from seq2seqlite.datasets.scene import simulated_frames
from seq2seqlite.datasets.simulator import SPLITS, Decays, Simulator
from seq2seqlite.io.irf import read_irf

__all__ = [
    "REFERENCE_SEED",
    "SPLITS",
    "DecaySet",
    "DecayRanges",
    "Decays",
    "Instrument",
    "IrfRanges",
    "Simulator",
    "check_decay_set_file",
    "instrument_names",
    "load_instrument",
    "read_decay_set",
    "read_irf",
    "reference_set",
    "simulated_frames",
    "simulated_set",
    "write_decay_set",
]
