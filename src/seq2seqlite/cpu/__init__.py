"""CPU back end: integer programs and float students compiled with Numba for vector units and all cores.

For integer programs the results equal those of the interpreter of :mod:`seq2seqlite.integer` bit for bit.
:mod:`~seq2seqlite.cpu.packing` checks the ranges of a program, and rejects programs that could overflow.
"""

from seq2seqlite.cpu.direct_program import DirectProgramEngine
from seq2seqlite.cpu.gate_sequential import NORMALISATIONS, GateSequential
from seq2seqlite.cpu.packing import UnfitError
from seq2seqlite.cpu.predictors import NetworkEngine, ProgramEngine

__all__ = [
    "NORMALISATIONS",
    "DirectProgramEngine",
    "GateSequential",
    "NetworkEngine",
    "ProgramEngine",
    "UnfitError",
]
