"""Interpreter of the integer programs of direct networks: the reference of all other implementations.

``docs/spec/integer.md`` specifies each rule.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.integer.direct_program import DirectProgram
from seq2seqlite.integer.interpreter import (
    BATCH,
    Arithmetic,
    Codes,
    chosen_type,
    encode,
    normalise,
    scaled,
    shifted,
    with_responses,
)
from seq2seqlite.integer.lifetime_table import FRACTION_BITS, Reduced
from seq2seqlite.integer.program import Affine
from seq2seqlite.integer.responses import checked_inputs, known_responses
from seq2seqlite.integer.standard_errors import (
    LOG_FRACTION_BITS,
    MAX_ERROR,
    N_OCTAVES,
    count_level,
    detector_counts,
)

__all__ = [
    "DirectResult",
    "direct_results",
    "run_direct",
]

# Float64 represents all integers of this width.
EXACT_BITS = 53


@dataclass(frozen=True)
class DirectResult:
    """Result of the integer program of a direct network for n pixels.

    Parameters
    ----------
    lifetimes : Reduced
        Codes of the lifetimes and of the fraction; all 0 for a pixel below threshold.
    log_errors : ndarray of int64, shape (n, 4)
        Logarithms to base 2 of the standard errors of mean, short and long lifetime (in ns) and of the
        fraction, in steps of ``2**-8``; 0 for a pixel below threshold.
    photons : ndarray of int64, shape (n,)
        Counts of the detector in all gates (:func:`~seq2seqlite.integer.detector_counts`).
    dark : ndarray of bool, shape (n,)
        True for pixels below threshold: the same input code in all gates, or fewer counts of the detector
        than ``min_photons``.

    See Also
    --------
    run_direct : Run a program on raw counts.
    """

    lifetimes: Reduced
    log_errors: NDArray[np.int64]
    photons: NDArray[np.int64]
    dark: NDArray[np.bool_]


def run_direct(
    program: DirectProgram,
    tpsf: ArrayLike,
    /,
    *,
    bank: ArrayLike | None = None,
    index: ArrayLike | None = None,
    min_photons: int = 0,
    count_exponent: ArrayLike = 0,
    arithmetic: Arithmetic | None = None,
) -> DirectResult:
    """Run the program of a direct network on raw counts.

    Parameters
    ----------
    program : DirectProgram
        Program.
    tpsf : array_like of int, shape (n, n_gates)
        Counts, 0 to 65535, background included.
    bank : array_like of int, shape (n_responses, n_gates, n_columns), optional
        Codes of 1 to 64 responses (:func:`~seq2seqlite.integer.response_codes`); by default one unknown
        response. A response of zeros is unknown.
    index : array_like of int, shape (n,), optional
        Response of each pixel; by default the first.
    min_photons : int
        Pixels with fewer counts of the detector are flagged as below threshold.
    count_exponent : array_like of int, shape () or (n,)
        The counts are those of the detector times 2 to the power of this. It matters for the errors, the
        photons and the threshold.
    arithmetic : str, optional
        As for :func:`seq2seqlite.integer.run`.

    Returns
    -------
    DirectResult
        Results, identical for every arithmetic.

    Raises
    ------
    InputError
        If the counts are not 16-bit integers of the program's number of gates, the bank or the index is not
        valid, or the arithmetic is inexact.

    See Also
    --------
    seq2seqlite.integer.response_codes : Codes of a response.
    seq2seqlite.integer.DirectPredictor : Lifetimes in ns from a program.
    """
    counts, table, chosen = checked_inputs(program, tpsf, bank=bank, index=index)
    kind = chosen_type(program.name, program.encoder_accumulators, arithmetic)
    photons = counts.sum(axis=1)
    state = np.empty((len(counts), program.units), np.int64)
    dark = np.zeros(len(counts), np.bool_)
    with threadpool_limits(1, user_api="blas"):  # threads slow down products of small matrices
        for start in range(0, len(counts), BATCH):
            part = slice(start, start + BATCH)
            codes = normalise(program, counts[part])
            dark[part] |= np.ptp(codes, axis=1) == 0
            state[part] = encode(program, with_responses(codes, table[chosen[part]], kind)).astype(np.int64)
    given = known_responses(table)[chosen]
    return direct_results(
        program,
        state,
        counts=photons,
        dark=dark,
        given=given,
        min_photons=min_photons,
        count_exponent=count_exponent,
    )


def direct_results(
    program: DirectProgram,
    state: NDArray[np.int64],
    /,
    *,
    counts: NDArray[np.int64],
    dark: NDArray[np.bool_],
    given: NDArray[np.bool_],
    min_photons: int = 0,
    count_exponent: ArrayLike = 0,
) -> DirectResult:
    """Return the results of the head from the last states of the encoder.

    Parameters
    ----------
    program : DirectProgram
        Program.
    state : ndarray of int64, shape (n, units)
        Last states.
    counts, dark, given : ndarray, shape (n,)
        Sums of the counts; which pixels have the same input code in all gates, and which have a response that
        is known.
    min_photons, count_exponent : int, array_like of int
        As for :func:`run_direct`.

    See Also
    --------
    run_direct : The whole program.
    """
    outputs, fraction_bits = _head(program, state)
    tau_bits = program.formats.output.fraction_bits
    low, high = program.tau_low, program.tau_high
    mean, short, long = shifted(outputs[:, :3], fraction_bits - tau_bits).T
    mean = np.clip(mean, low, high)
    short = np.clip(short, low, mean)
    long = np.clip(long, mean, high)
    fraction = np.clip(shifted(outputs[:, 3], fraction_bits - FRACTION_BITS), 0, 1 << FRACTION_BITS)
    present = np.ones(len(state), np.bool_)
    lifetimes = Reduced(mean, short, long, fraction, present, present)
    errors = shifted(outputs[:, 4:], fraction_bits - LOG_FRACTION_BITS)
    errors = np.clip(errors, -MAX_ERROR, MAX_ERROR)
    photons = detector_counts(counts, count_exponent)
    dark = dark | (photons < min_photons)
    level = count_level(counts, count_exponent)
    errors = errors + _factors(program, level, given) - (level >> 1)[:, None]
    errors = np.where(dark[:, None], 0, np.clip(errors, -MAX_ERROR, MAX_ERROR))
    return DirectResult(lifetimes.darkened(dark), errors, photons, dark)


def _factors(program: DirectProgram, level: NDArray[np.int64], given: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the factors of the errors, shape (n, 4), interpolated in the octave of the counts."""
    inside = np.clip(level, 0, (N_OCTAVES << LOG_FRACTION_BITS) - 1)
    octave, part = inside >> LOG_FRACTION_BITS, (inside & ((1 << LOG_FRACTION_BITS) - 1))[:, None]
    row = given.astype(np.int64)
    here, there = program.factors[row, octave], program.factors[row, octave + 1]
    return np.asarray(here + shifted((there - here) * part, LOG_FRACTION_BITS))


def _head(program: DirectProgram, state: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return the sums of the head, shape (n, 8), and their fraction bits."""
    head = program.accumulators["head"]
    fraction = head.fraction_bits
    kernel = _aligned(program.head_kernel, fraction - program.formats.state.fraction_bits)
    bias = _aligned(program.head_bias, fraction)
    if head.bits <= EXACT_BITS:  # BLAS multiplies floating-point numbers only
        sums = state.astype(np.float64) @ kernel.astype(np.float64) + bias
        return sums.astype(np.int64), fraction
    return state @ kernel + bias, fraction


def _aligned(affine: Affine, fraction: int) -> Codes:
    return scaled(affine, fraction, np.int64)
