"""Integer programs: a student in integer arithmetic, its interpreter and its file.

``docs/spec/integer.md`` is the normative specification.
"""

from seq2seqlite.integer.interpreter import Result, decode, decoder_states, encode, head, normalise, run, step
from seq2seqlite.integer.lifetime_table import (
    FRACTION_BITS,
    KNOT_BITS,
    RATIO_BITS,
    SHARE,
    TAU_BITS,
    Reduced,
    Reduction,
)
from seq2seqlite.integer.lowering import lower
from seq2seqlite.integer.predictor import ProgramPredictor, lifetimes_from_codes, whole_counts
from seq2seqlite.integer.program import COUNT_BITS, SPEC_VERSION, Affine, GruStep, Program
from seq2seqlite.integer.program_file import SUFFIX, load_program, read_program, write_program
from seq2seqlite.integer.ranges import Accumulator, accumulators, fits_float32

__all__ = [
    "COUNT_BITS",
    "FRACTION_BITS",
    "KNOT_BITS",
    "RATIO_BITS",
    "SHARE",
    "SPEC_VERSION",
    "SUFFIX",
    "TAU_BITS",
    "Accumulator",
    "Affine",
    "GruStep",
    "Program",
    "ProgramPredictor",
    "Reduced",
    "Reduction",
    "Result",
    "accumulators",
    "decode",
    "decoder_states",
    "encode",
    "fits_float32",
    "head",
    "lifetimes_from_codes",
    "load_program",
    "lower",
    "normalise",
    "read_program",
    "run",
    "step",
    "whole_counts",
    "write_program",
]
