"""Interpreter of the integer programs of direct networks: the reference of all other implementations.

``docs/spec/integer.md`` specifies each rule.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.errors import InputError
from seq2seqlite.integer.direct_program import (
    ERROR_BITS,
    LOG_FRACTION_BITS,
    MAX_BANK,
    N_OCTAVES,
    DirectProgram,
    log_counts,
)
from seq2seqlite.integer.interpreter import (
    BATCH,
    Arithmetic,
    Codes,
    checked_counts,
    chosen_type,
    encode,
    normalise,
    scaled,
    shifted,
)
from seq2seqlite.integer.lifetime_table import FRACTION_BITS, Reduced
from seq2seqlite.integer.program import Affine
from seq2seqlite.models import response_columns

__all__ = [
    "DirectResult",
    "checked_direct",
    "detector_counts",
    "direct_results",
    "known_responses",
    "response_codes",
    "run_direct",
]

# Float64 represents all integers of this width.
EXACT_BITS = 53
MAX_PHOTONS_BITS = 32
MAX_PHOTONS = (1 << MAX_PHOTONS_BITS) - 1


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
        Counts of the detector in all gates (:func:`detector_counts`).
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


def response_codes(program: DirectProgram, response: ArrayLike | None, /) -> NDArray[np.int64]:
    """Return a response as codes of a program's bank, shape (n_gates, n_columns); zeros for None.

    Parameters
    ----------
    program : DirectProgram
        Program.
    response : array_like, shape (n_gates,), or None
        Response of the instrument on the axis of the program, in counts; None or zeros if it is unknown.

    Raises
    ------
    InputError
        As :func:`~seq2seqlite.models.response_columns`; or if the program does not use a response.

    See Also
    --------
    run_direct : Run a program with a bank of responses.
    """
    if response is not None and not program.n_columns:
        raise InputError(f"program {program.name} does not use a response; omit it")
    values = np.zeros(program.n_gates) if response is None else response
    if not program.n_columns:
        return np.zeros((program.n_gates, 0), np.int64)
    columns = response_columns(values, program.response_lifetimes_ns, axis=program.axis)
    fmt = program.formats.response
    assert fmt is not None, "a program with columns of the response has their format"
    codes = np.floor(columns.astype(np.float64) * 2.0**fmt.fraction_bits + 0.5)
    return np.clip(codes, 0, fmt.high_code).astype(np.int64)


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
        Codes of 1 to 64 responses (:func:`response_codes`); by default one unknown response. A response of
        zeros is unknown.
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
    response_codes : Codes of a response.
    seq2seqlite.integer.DirectPredictor : Lifetimes in ns from a program.
    """
    counts, table, chosen = checked_direct(program, tpsf, bank=bank, index=index)
    kind = chosen_type(program.name, program.encoder_accumulators, arithmetic)
    photons = counts.sum(axis=1)
    state = np.empty((len(counts), program.units), np.int64)
    dark = np.zeros(len(counts), np.bool_)
    with threadpool_limits(1, user_api="blas"):  # threads slow down products of small matrices
        for start in range(0, len(counts), BATCH):
            part = slice(start, start + BATCH)
            codes = normalise(program, counts[part])
            dark[part] |= np.ptp(codes, axis=1) == 0
            inputs = np.concatenate([codes[..., None], table[chosen[part]]], axis=-1)
            state[part] = encode(program, inputs.astype(kind)).astype(np.int64)
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
    most = (1 << (ERROR_BITS - 1)) - 1
    errors = np.clip(shifted(outputs[:, 4:], fraction_bits - LOG_FRACTION_BITS), -most, most)
    photons = detector_counts(counts, count_exponent)
    dark = dark | (photons < min_photons)
    level = log_counts(counts) - (np.asarray(count_exponent, np.int64) << LOG_FRACTION_BITS)
    errors = errors + _factors(program, level, given) - (level >> 1)[:, None]
    errors = np.where(dark[:, None], 0, np.clip(errors, -most, most))
    return DirectResult(lifetimes.darkened(dark), errors, photons, dark)


def detector_counts(counts: ArrayLike, exponent: ArrayLike, /) -> NDArray[np.int64]:
    """Return counts in units of the detector's, rounded down, and at most ``2**32 - 1``.

    Parameters
    ----------
    counts : array_like of int
        Sums of counts, which are those of the detector times 2 to the power of ``exponent``.
    exponent : array_like of int
        Exponent.

    Returns
    -------
    ndarray of int64

    See Also
    --------
    seq2seqlite.integer.scaled_counts : Counts for a program, and their exponent.

    Examples
    --------
    >>> detector_counts([640, 100, 7], [6, 0, -2]).tolist()
    [10, 100, 28]
    """
    values, places = np.broadcast_arrays(np.asarray(counts, np.int64), np.asarray(exponent, np.int64))
    right, left = np.clip(places, 0, 63), np.clip(-places, 0, MAX_PHOTONS_BITS)
    most = MAX_PHOTONS >> left
    return np.asarray(np.where(values > most, MAX_PHOTONS, (np.minimum(values, most) << left) >> right))


def _factors(program: DirectProgram, level: NDArray[np.int64], given: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the factors of the errors, shape (n, 4), interpolated in the octave of the counts."""
    inside = np.clip(level, 0, (N_OCTAVES << LOG_FRACTION_BITS) - 1)
    octave, part = inside >> LOG_FRACTION_BITS, (inside & ((1 << LOG_FRACTION_BITS) - 1))[:, None]
    row = given.astype(np.int64)
    here, there = program.factors[row, octave], program.factors[row, octave + 1]
    return np.asarray(here + shifted((there - here) * part, LOG_FRACTION_BITS))


def checked_direct(
    program: DirectProgram, tpsf: ArrayLike, /, *, bank: ArrayLike | None, index: ArrayLike | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return counts, bank and index as int64; raise InputError if the program does not accept them.

    Parameters are those of :func:`run_direct`.

    See Also
    --------
    run_direct : Run a program.
    """
    counts, table = checked_counts(program, tpsf), _checked_bank(program, bank)
    return counts, table, _checked_index(index, len(counts), len(table))


def known_responses(bank: NDArray[np.int64], /) -> NDArray[np.bool_]:
    """Return which responses of a bank are known, shape (n_responses,).

    See Also
    --------
    run_direct : Run a program with a bank.
    """
    return np.asarray(bank.any(axis=(1, 2)))


def _checked_bank(program: DirectProgram, bank: ArrayLike | None) -> NDArray[np.int64]:
    if bank is None:
        return response_codes(program, None)[None]
    codes = np.asarray(bank)
    shape = (program.n_gates, program.n_columns)
    if codes.ndim != 3 or codes.shape[1:] != shape or not 1 <= len(codes) <= MAX_BANK:
        raise InputError(
            f"bank has shape {codes.shape}, but program {program.name} requires 1 to {MAX_BANK} responses of "
            f"shape {shape}"
        )
    fmt = program.formats.response
    top = 0 if fmt is None else fmt.high_code
    if not np.issubdtype(codes.dtype, np.integer) or (
        codes.size and not 0 <= codes.min() <= codes.max() <= top
    ):
        raise InputError(f"bank must have integer codes from 0 to {top}; use response_codes")
    return codes.astype(np.int64)


def _checked_index(index: ArrayLike | None, n: int, n_responses: int) -> NDArray[np.int64]:
    if index is None:
        return np.zeros(n, np.int64)
    found = np.asarray(index)
    if found.shape != (n,) or not np.issubdtype(found.dtype, np.integer):
        raise InputError(f"index of shape {found.shape} and type {found.dtype} must be {n} integers")
    if found.size and not 0 <= found.min() <= found.max() < n_responses:
        raise InputError(
            f"index from {found.min()} to {found.max()} must be between 0 and {n_responses - 1}, the last "
            "response of the bank"
        )
    return found.astype(np.int64)


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
