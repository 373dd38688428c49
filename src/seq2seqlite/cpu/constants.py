"""Constants that select the arithmetic of the kernels, and their working memory."""

from typing import Any, NamedTuple

__all__ = [
    "BYTES_OF_ZERO",
    "Arithmetic",
    "Bytes",
    "CoarseBytes",
    "Codes",
    "Float32",
    "Halves",
    "Pairs",
    "Scratch",
]

BYTES_OF_ZERO = -0x7F7F7F80
"""0x80808080 as int32: four state codes of 0, each with an offset of 128."""


class Codes(NamedTuple):
    """Constants of a program: shifts, rounding offsets, and the limits of each format.

    The biases of the sums include the rounding offsets of the sums and the constant of the hard sigmoid.
    """

    gate_shift: int
    gate_high: int
    operand_shift: int
    product_shift: int
    product_half: int
    product_high: int
    candidate_shift: int
    candidate_high: int
    state_up: int
    candidate_up: int
    gate_up: int
    update_shift: int
    update_half: int
    state_high: int
    output_shift: int
    output_low: int
    output_high: int
    input_high: int


class Float32(NamedTuple):
    """Floating-point arithmetic; the gate weights include the factor 1/2 of the hard sigmoid."""

    one: float


class Pairs(NamedTuple):
    """Arithmetic of codes of up to 16 bits."""

    codes: Codes


class Halves(NamedTuple):
    """Shifts of the arithmetic in 16-bit lanes, whose product is divided by ``2**15`` and rounded.

    For a quotient ``2**n``, the factors are multiplied by ``2**(15 - n)``: the gates by ``2**gate``, the
    state by ``2**product`` where the reset gate meets it, and its difference to the candidate by
    ``2**update``. ``candidate`` is the shift to the grid of the state, which is not coarser.
    """

    gate: int
    product: int
    update: int
    candidate: int


class Bytes(NamedTuple):
    """Arithmetic of codes of up to 8 bits; operands have an offset of 128, which the bias compensates.

    Gates, candidate and state are in 16-bit lanes.
    """

    codes: Codes
    halves: Halves


class CoarseBytes(NamedTuple):
    """Bytes, with recurrent weights whose grid is coarser than that of the sums.

    On the grid of the sums, such a weight would not fit a byte. A unit of the weights is ``2**gates_down`` or
    ``2**candidate_down`` units of the sum. Bias and input are added first and divided by it, rounded down;
    the shifts in ``codes`` are those that remain. This is exact: ``(2**a * r + x) >> (a + b)`` equals
    ``(r + (x >> a)) >> b``.
    """

    codes: Codes
    halves: Halves
    gates_down: int
    candidate_down: int


Arithmetic = Float32 | Pairs | Bytes | CoarseBytes


class Scratch(NamedTuple):
    """Working memory of a group of pixels, small enough for the cache, as one-dimensional arrays.

    Each array has one group of pixels per unit. ``operands`` and ``products`` are in the packed form of the
    matrix products, with the input after the units. State, gates and candidate of bytes are int16.
    """

    inputs: Any
    state: Any
    operands: Any
    products: Any
    gates: Any
    candidate: Any
    outputs: Any
    sums: Any
