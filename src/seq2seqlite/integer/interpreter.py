"""Interpreter of integer programs in NumPy: the reference (golden) model of all other implementations.

``docs/spec/integer.md`` specifies each rule under the name of the corresponding function of this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.decay import normalise_to_codes
from seq2seqlite.errors import InputError
from seq2seqlite.integer.lifetime_table import Reduced
from seq2seqlite.integer.program import Affine, EncoderProgram, GruStep, Program
from seq2seqlite.integer.ranges import (
    Accumulator,
    accumulators,
    candidate_sum,
    exact_in_float32,
    gate_sum,
    head_sum,
    update_sum,
)
from seq2seqlite.integer.responses import checked_inputs, known_responses
from seq2seqlite.integer.standard_errors import count_level, detector_counts
from seq2seqlite.models import ActivationFormats, Format

__all__ = [
    "Arithmetic",
    "Prepared",
    "Result",
    "advanced",
    "chosen_type",
    "decode",
    "decoder_states",
    "encode",
    "head",
    "leading_bits",
    "log_errors",
    "normalise",
    "photons_of",
    "prepared",
    "run",
    "scaled",
    "step",
    "with_responses",
]

Arithmetic = Literal["int64", "float32", "float64"]
"""Type that represents the integers: ``int64``, or a floating-point type for which BLAS is fast."""

Codes = (
    Any  # arrays of NumPy, or of a library with the same interface, in the type that represents the integers
)
BATCH = 1024  # the states of a batch of this size fit into the cache


@dataclass(frozen=True)
class Result:
    """Result of an integer program for n pixels: SFD, lifetimes and photons.

    Parameters
    ----------
    sfd : ndarray of int64, shape (n, 3, n_gates)
        Codes of total, short, long.
    lifetimes : Reduced
        Codes of the lifetimes; all 0 for a pixel below threshold.
    photons : ndarray of int64, shape (n,)
        Sum of the counts of all gates.
    dark : ndarray of bool, shape (n,)
        True for pixels below threshold: the same input code in all gates, or fewer counts than
        ``min_photons``.
    log_errors : ndarray of int64, shape (n, 4), optional
        Logarithms to base 2 of the standard errors of mean, short and long lifetime (in ns) and of the
        fraction, in steps of ``2**-8``; 0 for a quantity without a value. None for a program that does not
        get the response.

    See Also
    --------
    run : Run a program on raw counts.
    """

    sfd: NDArray[np.int64]
    lifetimes: Reduced
    photons: NDArray[np.int64]
    dark: NDArray[np.bool_]
    log_errors: NDArray[np.int64] | None = None


def run(
    program: Program,
    tpsf: ArrayLike,
    /,
    *,
    bank: ArrayLike | None = None,
    index: ArrayLike | None = None,
    min_photons: int = 0,
    count_exponent: ArrayLike = 0,
    arithmetic: Arithmetic | None = None,
) -> Result:
    """Run a program on raw counts.

    Parameters
    ----------
    program : Program
        Program.
    tpsf : array_like of int, shape (n, n_gates)
        Counts, 0 to 65535, background included.
    bank : array_like of int, shape (n_responses, n_gates, n_columns), optional
        Codes of 1 to 64 responses (:func:`~seq2seqlite.integer.response_codes`); by default one unknown
        response. A response of zeros is unknown.
    index : array_like of int, shape (n,), optional
        Response of each pixel; by default the first.
    min_photons : int
        Pixels with fewer counts are flagged as below threshold; of a program with standard errors, with fewer
        counts of the detector.
    count_exponent : array_like of int, shape () or (n,)
        The counts are those of the detector times 2 to the power of this. It matters for the errors, the
        photons and the threshold of a program with standard errors.
    arithmetic : str, optional
        ``"int64"`` is normative; ``"float32"`` and ``"float64"`` represent the same integers and are faster.
        By default the fastest type that is exact for the ranges of the program is used.

    Returns
    -------
    Result
        Results, identical for every arithmetic.

    Raises
    ------
    InputError
        If the counts are not 16-bit integers of the program's number of gates, the bank or the index is not
        valid, or the arithmetic is inexact.

    See Also
    --------
    seq2seqlite.integer.ProgramPredictor : Lifetimes in ns from a program.
    """
    counts, table, chosen = checked_inputs(program, tpsf, bank=bank, index=index)
    dtype = chosen_type(program.name, accumulators(program), arithmetic)
    sums = counts.sum(axis=1)
    photons = photons_of(program, sums, count_exponent)
    sfd = np.empty((len(counts), 3, program.n_gates), np.int64)
    dark = photons < min_photons
    with threadpool_limits(1, user_api="blas"):  # threads slow down products of small matrices
        for start in range(0, len(counts), BATCH):
            part = slice(start, start + BATCH)
            codes = normalise(program, counts[part])
            dark[part] |= np.ptp(codes, axis=1) == 0
            sfd[part] = decode(program, encode(program, with_responses(codes, table[chosen[part]], dtype)))
    lifetimes = program.reduction.reduce(sfd).darkened(dark)
    errors = log_errors(
        program, lifetimes, sums, known_responses(table)[chosen], count_exponent=count_exponent
    )
    return Result(sfd, lifetimes, photons, dark, errors)


def photons_of(program: Program, sums: NDArray[np.int64], count_exponent: ArrayLike, /) -> NDArray[np.int64]:
    """Return the photons of pixels, shape (n,): of a program with standard errors, counts of the detector.

    Parameters
    ----------
    program : Program
        Program.
    sums : ndarray of int64, shape (n,)
        Sums of the counts.
    count_exponent : array_like of int
        As for :func:`run`.

    See Also
    --------
    seq2seqlite.integer.detector_counts : Counts of the detector.
    """
    return sums if program.errors is None else detector_counts(sums, count_exponent)


def log_errors(
    program: Program,
    lifetimes: Reduced,
    sums: NDArray[np.int64],
    given: NDArray[np.bool_],
    /,
    *,
    count_exponent: ArrayLike,
) -> NDArray[np.int64] | None:
    """Return the logarithms of the standard errors, shape (n, 4); None for a program without them.

    Parameters
    ----------
    program : Program
        Program.
    lifetimes : Reduced
        Codes of the lifetimes, with zeros for pixels below threshold.
    sums, given : ndarray, shape (n,)
        Sums of the counts, and which pixels have a response that is known.
    count_exponent : array_like of int
        As for :func:`run`.

    See Also
    --------
    run : The whole program.
    """
    if program.errors is None:
        return None
    return program.errors.log_errors(count_level(sums, count_exponent), given, lifetimes)


def with_responses(codes: NDArray[np.int64], responses: NDArray[np.int64], dtype: Any, /) -> Codes:
    """Return input codes with the codes of the response of each pixel, shape (n, n_gates, 1 + n_columns).

    See Also
    --------
    encode : Encoder that gets them.
    """
    return np.concatenate([codes[..., None], responses], axis=-1, dtype=dtype)


def normalise(program: EncoderProgram, counts: NDArray[np.int64], /) -> NDArray[np.int64]:
    """Return the input codes of counts, shape (n, n_gates).

    See Also
    --------
    seq2seqlite.decay.normalise_to_codes :
        Return TPSFs normalised to integer codes from 0 to ``2**bits - 1``, in integer arithmetic only.
    encode : Return the encoder's final state codes, shape (n, units), for input codes of shape (n, n_gates).
    """
    return normalise_to_codes(counts, bits=program.formats.input.bits, n_baseline=program.n_baseline)


def encode(program: EncoderProgram, inputs: Codes, /) -> Codes:
    """Return the encoder's final state codes, shape (n, units), for input codes of shape (n, n_gates).

    Inputs with columns of the response have the shape (n, n_gates, n_inputs).

    See Also
    --------
    decode : Return the codes of the SFD, shape (n, 3, n_gates), from the final state of the encoder.
    normalise : Return the input codes of counts, shape (n, n_gates).
    """
    state = np.zeros((len(inputs), program.units), inputs.dtype)
    weights = prepared(program, program.encoder, inputs.dtype)
    for t in range(program.n_gates):
        here = inputs[:, t]
        state = advanced(program, weights, state, here[:, None] if here.ndim == 1 else here)
    return state


def decoder_states(program: Program, state: Codes, /) -> Codes:
    """Return the state codes after each step of the decoder, shape (n_gates, n, units).

    See Also
    --------
    decode : Return the codes of the SFD, shape (n, 3, n_gates), from the final state of the encoder.
    """
    states = np.empty((program.n_gates, *state.shape), state.dtype)
    weights = prepared(program, program.decoder, state.dtype)
    for t in range(program.n_gates):
        state = advanced(program, weights, state, None)
        states[t] = state
    return states


def decode(program: Program, state: Codes, /) -> NDArray[np.int64]:
    """Return the codes of the SFD, shape (n, 3, n_gates), from the final state of the encoder.

    See Also
    --------
    encode : Return the encoder's final state codes, shape (n, units), for input codes of shape (n, n_gates).
    head : Return output codes, shape (..., 3), for state codes of shape (..., units).
    """
    codes = head(program, decoder_states(program, state)).astype(np.int64)
    return np.asarray(codes.transpose(1, 2, 0))


def head(program: Program, states: Codes, /) -> Codes:
    """Return output codes, shape (..., 3), for state codes of shape (..., units).

    See Also
    --------
    decode : Return the codes of the SFD, shape (n, 3, n_gates), from the final state of the encoder.
    """
    fraction, fmt = head_sum(program), program.formats.output
    operand = program.formats.state_operand.fraction_bits
    kernel = scaled(program.head_kernel, fraction - operand, states.dtype)
    bias = scaled(program.head_bias, fraction, states.dtype)
    total = leading_bits(states, program.formats) @ kernel + bias
    return saturated(shifted(total, fraction - fmt.fraction_bits), fmt)


def step(
    program: EncoderProgram, part: Literal["encoder", "decoder"], state: Codes, inputs: Codes | None = None, /
) -> Codes:
    """Return the state codes after one step of the recurrent network; the reference for hardware kernels.

    See Also
    --------
    encode : Return the encoder's final state codes, shape (n, units), for input codes of shape (n, n_gates).
    decode : Return the codes of the SFD, shape (n, 3, n_gates), from the final state of the encoder.
    """
    weights = prepared(program, getattr(program, part), state.dtype)
    return advanced(program, weights, state, inputs)


def shifted(values: Codes, bits: int, /) -> Codes:
    """Return ``values`` divided by ``2**bits``, rounded to nearest with ties upwards."""
    if bits <= 0:
        return values * values.dtype.type(2**-bits)
    if np.issubdtype(values.dtype, np.integer):
        return (values + (1 << (bits - 1))) >> bits
    kind = values.dtype.type
    return values.__array_namespace__().floor(values * kind(2.0**-bits) + kind(0.5))


def leading_bits(state: Codes, formats: ActivationFormats, /) -> Codes:
    """Return state codes as operands of the matrix products: their leading bits, rounded down.

    See Also
    --------
    advanced : Step that uses them.
    """
    less = formats.state.fraction_bits - formats.state_operand.fraction_bits
    if not less:
        return state
    if np.issubdtype(state.dtype, np.integer):
        return state >> less
    return state.__array_namespace__().floor(state * state.dtype.type(2.0**-less))


def saturated(codes: Codes, fmt: Format, /) -> Codes:
    """Return codes saturated to the range of their format."""
    kind = codes.dtype.type
    return codes.__array_namespace__().clip(codes, kind(fmt.low_code), kind(fmt.high_code))


@dataclass(frozen=True)
class Prepared:
    """Weights of a step as integers, aligned to the binary points of their sums.

    Parameters
    ----------
    gate_fraction, candidate_fraction : int
        Fraction bits of the pre-activation sums of gates and candidate.
    gate_kernel, candidate_kernel : ndarray, shapes (n_inputs, 2 units), (n_inputs, units)
        Multiplied by the input.
    gate_recurrent, candidate_recurrent : ndarray, shapes (units, 2 units), (units, units)
        Multiplied by the state, and by the product of reset gate and state.
    gate_bias, candidate_bias : ndarray, shapes (1, 2 units), (1, units)
        Biases.

    See Also
    --------
    prepared : Return the weights of the encoder or decoder step in the type that represents the integers.
    """

    gate_fraction: int
    gate_kernel: Codes
    gate_recurrent: Codes
    gate_bias: Codes
    candidate_fraction: int
    candidate_kernel: Codes
    candidate_recurrent: Codes
    candidate_bias: Codes


def prepared(program: EncoderProgram, gru: GruStep, dtype: Any, /) -> Prepared:
    """Return the weights of the encoder or decoder step in the type that represents the integers.

    See Also
    --------
    Prepared : Weights of a step as integers, aligned to the binary points of their sums.
    advanced : Return the state codes, shape (n, units), after one step with inputs of shape (n, 1).
    """
    formats, units = program.formats, program.units
    gates, candidate = slice(0, 2 * units), slice(2 * units, None)
    fg, fc = gate_sum(gru, formats), candidate_sum(gru, formats)
    operand = formats.state_operand.fraction_bits
    return Prepared(
        gate_fraction=fg,
        gate_kernel=_kernel(gru, formats, fg, dtype)[:, gates],
        gate_recurrent=scaled(gru.recurrent, fg - operand, dtype)[:, gates],
        gate_bias=scaled(gru.bias, fg, dtype)[:, gates],
        candidate_fraction=fc,
        candidate_kernel=_kernel(gru, formats, fc, dtype)[:, candidate],
        candidate_recurrent=scaled(gru.recurrent, fc - formats.product.fraction_bits, dtype)[:, candidate],
        candidate_bias=scaled(gru.bias, fc, dtype)[:, candidate],
    )


def _kernel(gru: GruStep, formats: ActivationFormats, fraction: int, dtype: Any) -> Codes:
    """Return the input kernel on the grid of a sum: a row for the TPSF, and one for each response column."""
    rows = [scaled(gru.kernel, fraction - formats.input.fraction_bits, dtype)[:1]]
    if formats.response is not None:
        rows.append(scaled(gru.kernel, fraction - formats.response.fraction_bits, dtype)[1:])
    return np.concatenate(rows)


def scaled(affine: Affine, fraction: int, dtype: Any, /) -> Codes:
    """Return codes converted to ``fraction`` fraction bits.

    See Also
    --------
    prepared : Return the weights of the encoder or decoder step in the type that represents the integers.
    """
    if not affine.codes.size:
        return affine.codes.astype(dtype)
    return (affine.codes << (fraction - affine.format.fraction_bits)).astype(dtype)


def advanced(program: EncoderProgram, w: Prepared, state: Codes, inputs: Codes | None, /) -> Codes:
    """Return the state codes, shape (n, units), after one step with inputs of shape (n, n_inputs).

    See Also
    --------
    step : Return the state codes after one step of the recurrent network; the reference for hardware kernels.
    prepared : Return the weights of the encoder or decoder step in the type that represents the integers.
    """
    formats, units = program.formats, program.units
    operand = leading_bits(state, formats)
    total = operand @ w.gate_recurrent + w.gate_bias
    if inputs is not None:
        total = total + inputs @ w.gate_kernel
    one = total.dtype.type(2**w.gate_fraction)
    gates = shifted(total + one, w.gate_fraction + 1 - formats.gate.fraction_bits)
    kind = gates.dtype.type
    gates = gates.__array_namespace__().clip(gates, kind(0), kind(formats.gate_high_code))
    update, reset = gates[:, :units], gates[:, units:]
    wide = formats.gate.fraction_bits + formats.state_operand.fraction_bits
    product = saturated(shifted(reset * operand, wide - formats.product.fraction_bits), formats.product)
    total = product @ w.candidate_recurrent + w.candidate_bias
    if inputs is not None:
        total = total + inputs @ w.candidate_kernel
    below = w.candidate_fraction - formats.candidate.fraction_bits
    candidate = saturated(shifted(total, below), formats.candidate)
    return _written_back(program, state, update, candidate)


def _written_back(program: EncoderProgram, state: Codes, update: Codes, candidate: Codes) -> Codes:
    """Return the new state ``candidate + update * (state - candidate)``, rounded to the state's format."""
    formats = program.formats
    kind, fraction = state.dtype.type, update_sum(formats)
    grid = fraction - formats.gate.fraction_bits  # the finer of state and candidate
    h = state * kind(2 ** (grid - formats.state.fraction_bits))
    c = candidate * kind(2 ** (grid - formats.candidate.fraction_bits))
    wide = c * kind(2**formats.gate.fraction_bits) + update * (h - c)
    return saturated(shifted(wide, fraction - formats.state.fraction_bits), formats.state)


def chosen_type(
    name: str, reach: Mapping[str, Accumulator], arithmetic: Arithmetic | None, /
) -> "np.dtype[Any]":
    """Return the type that represents the integers of a program.

    Parameters
    ----------
    name : str
        Name of the program.
    reach : mapping of Accumulator
        Accumulators of its steps.
    arithmetic : str or None
        Type asked for; None for the fastest one that is exact.

    Raises
    ------
    InputError
        If the type is unknown or not exact.

    See Also
    --------
    run : Run a program.
    """
    exact = exact_in_float32(dict(reach))
    if arithmetic is None:
        return np.dtype(np.float32 if exact else np.float64)
    if arithmetic not in {"int64", "float32", "float64"}:
        raise InputError(f"arithmetic={arithmetic!r} is unknown; choose int64, float32 or float64")
    if arithmetic == "float32" and not exact:
        raise InputError(f"arithmetic='float32' is not exact for program {name}; use 'int64' or 'float64'")
    return np.dtype(arithmetic)
