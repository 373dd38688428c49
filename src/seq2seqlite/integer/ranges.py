"""Ranges of all accumulators of a program, computed from formats and weights to rule out overflow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.integer.lifetime_table import FRACTION_BITS, RATIO_BITS, TAU_BITS
from seq2seqlite.integer.program import COUNT_BITS, Affine, EncoderProgram, GruStep, Program
from seq2seqlite.models import ActivationFormats, Format

__all__ = [
    "Accumulator",
    "Operand",
    "Term",
    "accumulators",
    "candidate_sum",
    "exact_in_float32",
    "fits_float32",
    "gate_sum",
    "head_sum",
    "normaliser",
    "step_accumulators",
    "sum_of",
    "symmetric",
    "update_sum",
]

MAX_SUM_BITS = 56
FLOAT32_INTEGERS = 2**24
"""Float32 represents all integers up to this value exactly."""


@dataclass(frozen=True)
class Accumulator:
    """Range and binary point of a sum of products.

    Parameters
    ----------
    fraction_bits : int
        A value is its code times ``2**-fraction_bits``.
    low, high : ndarray of int64, shape (n_outputs,)
        Range of the codes of each output.
    magnitude : int
        Upper bound of the magnitude of all partial sums, in any order and including rounding offsets.

    See Also
    --------
    accumulators : Return the range of every accumulator of a program, by name.
    """

    fraction_bits: int
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    magnitude: int

    @property
    def bits(self) -> int:
        """Bit width of a two's complement number that can represent every partial sum."""
        return int(self.magnitude).bit_length() + 1


def gate_sum(step: GruStep, formats: ActivationFormats, /) -> int:
    """Return the fraction bits of the pre-activation sum of a gate.

    See Also
    --------
    candidate_sum : Return the fraction bits of the pre-activation sum of the candidate.
    head_sum : Return the fraction bits of the sum of an output.
    update_sum : Return the fraction bits of the new state before it is rounded to the format of the state.
    """
    return _fraction([*_inputs(step, formats), (step.recurrent, _state_operand(formats))], step.bias)


def candidate_sum(step: GruStep, formats: ActivationFormats, /) -> int:
    """Return the fraction bits of the pre-activation sum of the candidate.

    See Also
    --------
    gate_sum : Return the fraction bits of the pre-activation sum of a gate.
    update_sum : Return the fraction bits of the new state before it is rounded to the format of the state.
    """
    return _fraction([*_inputs(step, formats), (step.recurrent, _operand(formats.product))], step.bias)


def head_sum(program: Program, /) -> int:
    """Return the fraction bits of the sum of an output.

    See Also
    --------
    gate_sum : Return the fraction bits of the pre-activation sum of a gate.
    """
    return _fraction([(program.head_kernel, _state_operand(program.formats))], program.head_bias)


def update_sum(formats: ActivationFormats, /) -> int:
    """Return the fraction bits of the new state before it is rounded to the format of the state.

    See Also
    --------
    gate_sum : Return the fraction bits of the pre-activation sum of a gate.
    candidate_sum : Return the fraction bits of the pre-activation sum of the candidate.
    """
    return formats.gate.fraction_bits + max(formats.state.fraction_bits, formats.candidate.fraction_bits)


def accumulators(program: Program, /) -> dict[str, Accumulator]:
    """Return the range of every accumulator of a program, by name.

    Parameters
    ----------
    program : Program
        Program.

    Returns
    -------
    dict of Accumulator
        ``<encoder|decoder>.<gates|candidate|product|update>``, ``head``, ``normaliser``, ``reduction``.

    See Also
    --------
    fits_float32 : Return whether float32 represents every integer of encoder, decoder and head exactly.
    Accumulator : Range and binary point of a sum of products.
    """
    formats = program.formats
    found = step_accumulators("encoder", program.encoder, formats)
    found |= step_accumulators("decoder", program.decoder, formats)
    found["head"] = sum_of([(program.head_kernel, _state_operand(formats))], program.head_bias, slice(None))
    found["normaliser"] = normaliser(program)
    first = formats.output.high_code
    area = 2 * program.n_gates * first << RATIO_BITS
    found["reduction"] = symmetric(0, max(area, 2 ** (FRACTION_BITS + TAU_BITS), first << FRACTION_BITS))
    return found


def step_accumulators(part: str, step: GruStep, formats: ActivationFormats, /) -> dict[str, Accumulator]:
    """Return the ranges of the accumulators of a step, by name.

    See Also
    --------
    accumulators : Ranges of a whole program.
    """
    units = step.units
    inputs, gates, candidate = _inputs(step, formats), slice(0, 2 * units), slice(2 * units, None)
    operand = _state_operand(formats)
    product = formats.gate_high_code * max(operand.high, -operand.low)
    # The difference of candidate and state, times the gate, is the largest partial sum.
    fraction = update_sum(formats)
    return {
        f"{part}.gates": sum_of([*inputs, (step.recurrent, operand)], step.bias, gates),
        f"{part}.candidate": sum_of(
            [*inputs, (step.recurrent, _operand(formats.product))], step.bias, candidate
        ),
        f"{part}.product": symmetric(formats.gate.fraction_bits + operand.fraction_bits, product),
        f"{part}.update": symmetric(fraction, 2 * 2**fraction + 2 ** (fraction - 1)),
    }


def normaliser(program: EncoderProgram, /) -> Accumulator:
    """Return the range of the normalisation of the counts.

    See Also
    --------
    accumulators : Ranges of a whole program.
    """
    signal = max(program.n_baseline, 1) * (2**COUNT_BITS - 1)
    return symmetric(0, 2 * signal * program.formats.input.high_code + signal)


def fits_float32(program: Program, /) -> bool:
    """Return whether float32 represents every integer of encoder, decoder and head exactly.

    See Also
    --------
    accumulators : Return the range of every accumulator of a program, by name.
    """
    return exact_in_float32(accumulators(program))


def exact_in_float32(found: dict[str, Accumulator], /) -> bool:
    """Return whether float32 represents every integer of the given accumulators of steps and head exactly.

    See Also
    --------
    fits_float32 : The same for a program.
    """
    return all(
        reach.magnitude <= FLOAT32_INTEGERS
        for name, reach in found.items()
        if name not in {"normaliser", "reduction"}
    )


@dataclass(frozen=True)
class Operand:
    """Fraction bits and range of the codes of an operand of a matrix product.

    See Also
    --------
    sum_of : Range of a sum of products.
    """

    fraction_bits: int
    low: int
    high: int


Term = tuple[Affine, Operand]


def _operand(fmt: Format) -> Operand:
    return Operand(fmt.fraction_bits, fmt.low_code, fmt.high_code)


def _state_operand(formats: ActivationFormats) -> Operand:
    fmt = formats.state_operand
    return Operand(fmt.fraction_bits, formats.operand_low_code, fmt.high_code)


def _inputs(step: GruStep, formats: ActivationFormats) -> list[Term]:
    """Return the kernel, divided into the rows of the TPSF and those of the response."""
    terms = [(Affine(step.kernel.codes[:1], step.kernel.format), _operand(formats.input))]
    if formats.response is not None:
        terms.append((Affine(step.kernel.codes[1:], step.kernel.format), _operand(formats.response)))
    return terms


def _fraction(terms: list[Term], bias: Affine) -> int:
    used = [a.format.fraction_bits + f.fraction_bits for a, f in terms if a.codes.size]
    return max([*used, bias.format.fraction_bits])


def sum_of(terms: list[Term], bias: Affine, columns: slice, /) -> Accumulator:
    """Return the range of a sum of products.

    Parameters
    ----------
    terms : list of (Affine, Operand)
        Weights and their operands.
    bias : Affine
        Bias.
    columns : slice
        Outputs.

    See Also
    --------
    accumulators : Ranges of a whole program.
    """
    fraction = _fraction(terms, bias)
    _check_size(terms, bias, fraction)
    low = high = bias.codes[0, columns] << (fraction - bias.format.fraction_bits)
    size = np.abs(low)
    for affine, operand in terms:
        if not affine.codes.size:
            continue
        scale = 1 << (fraction - affine.format.fraction_bits - operand.fraction_bits)
        codes = affine.codes[:, columns] * scale
        ends = np.stack([codes * operand.low, codes * operand.high])
        low, high = low + ends.min(axis=0).sum(axis=0), high + ends.max(axis=0).sum(axis=0)
        size = size + np.abs(ends).max(axis=0).sum(axis=0)
    # Offsets added to a sum: one by the hard sigmoid, and half a step by the rounding.
    return Accumulator(fraction, low, high, int(size.max()) + 2 * 2**fraction)


def _check_size(terms: list[Term], bias: Affine, fraction: int) -> None:
    """Raise InputError unless all products of a sum fit into int64, the type used to compute the ranges."""
    total = int(np.abs(bias.codes).max(initial=0)) << (fraction - bias.format.fraction_bits)
    for affine, operand in terms:
        scale = 1 << max(fraction - affine.format.fraction_bits - operand.fraction_bits, 0)
        most = max(operand.high, -operand.low)
        total += len(affine.codes) * int(np.abs(affine.codes).max(initial=0)) * scale * most
    if fraction < 0:
        raise InputError(
            f"a sum has {fraction} fraction bits and must have >= 0; use formats with more fraction bits"
        )
    if total.bit_length() > MAX_SUM_BITS or fraction > MAX_SUM_BITS:
        raise InputError(
            f"a sum of {total.bit_length()} bits with {fraction} fraction bits exceeds {MAX_SUM_BITS} bits; "
            "use formats with more similar fraction bits"
        )


def symmetric(fraction: int, magnitude: int, /) -> Accumulator:
    """Return the range of one number between minus and plus its magnitude.

    See Also
    --------
    sum_of : Range of a sum of products.
    """
    reach = np.array([magnitude], np.int64)
    return Accumulator(fraction, -reach, reach, magnitude)
