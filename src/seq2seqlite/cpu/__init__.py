"""Programs and float students compiled for CPUs: many pixels in a register, on all cores.

A program's engine equals the interpreter of :mod:`seq2seqlite.integer` bit for bit;
:mod:`~seq2seqlite.cpu.packing` proves from the program's ranges that it can, or refuses.
"""

from seq2seqlite.cpu.gate_sequential import NORMALISATIONS, GateSequential
from seq2seqlite.cpu.packing import UnfitError
from seq2seqlite.cpu.predictors import NetworkEngine, ProgramEngine

__all__ = ["NORMALISATIONS", "GateSequential", "NetworkEngine", "ProgramEngine", "UnfitError"]
