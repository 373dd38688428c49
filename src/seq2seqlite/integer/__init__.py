"""Integer programs: a student in integer arithmetic, its interpreter and its file.

``docs/spec/integer.md`` is the normative specification.
"""

from seq2seqlite.integer.direct import DirectResult, run_direct
from seq2seqlite.integer.direct_program import DirectProgram
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
from seq2seqlite.integer.lowering import lower, lower_direct
from seq2seqlite.integer.predictor import (
    DirectPredictor,
    ProgramPredictor,
    direct_lifetimes_from_codes,
    lifetimes_from_codes,
    scaled_counts,
)
from seq2seqlite.integer.program import (
    COUNT_BITS,
    MAX_BANK,
    SPEC_VERSIONS,
    Affine,
    EncoderProgram,
    GruStep,
    Program,
)
from seq2seqlite.integer.program_file import (
    SUFFIX,
    AnyProgram,
    load_any_program,
    load_program,
    read_program,
    write_program,
)
from seq2seqlite.integer.ranges import Accumulator, accumulators, exact_in_float32, fits_float32
from seq2seqlite.integer.responses import response_codes
from seq2seqlite.integer.standard_errors import ErrorCodes, detector_counts

__all__ = [
    "COUNT_BITS",
    "FRACTION_BITS",
    "KNOT_BITS",
    "MAX_BANK",
    "RATIO_BITS",
    "SHARE",
    "SPEC_VERSIONS",
    "SUFFIX",
    "TAU_BITS",
    "Accumulator",
    "Affine",
    "AnyProgram",
    "DirectPredictor",
    "DirectProgram",
    "DirectResult",
    "EncoderProgram",
    "ErrorCodes",
    "GruStep",
    "Program",
    "ProgramPredictor",
    "Reduced",
    "Reduction",
    "Result",
    "accumulators",
    "decode",
    "decoder_states",
    "detector_counts",
    "direct_lifetimes_from_codes",
    "encode",
    "exact_in_float32",
    "fits_float32",
    "head",
    "lifetimes_from_codes",
    "load_any_program",
    "load_program",
    "lower",
    "lower_direct",
    "normalise",
    "read_program",
    "response_codes",
    "run",
    "run_direct",
    "scaled_counts",
    "step",
    "write_program",
]
