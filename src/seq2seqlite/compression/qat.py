"""Quantisation-aware training: weights on their grids in the forward pass, gradients straight through.

The activations' quantisers are part of the network itself (:mod:`seq2seqlite.models.jax_forward`).
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seq2seqlite.models import ActivationFormats, Format
from seq2seqlite.models.jax_forward import quantise_jax

__all__ = [
    "effective_bit_operations",
    "fraction_bits",
    "has_learned_width",
    "learned_weights",
    "magnitude_bits",
    "starting_widths",
    "straight_through",
    "width_name",
]


def straight_through(values: jax.Array, fmt: Format, /) -> jax.Array:
    """Return values in a format; the gradient is that of the clipping alone."""
    clipped = jnp.clip(values, fmt.low, fmt.high)
    return clipped + jax.lax.stop_gradient(quantise_jax(values, fmt) - clipped)


# Adam moves every parameter by about the learning rate, which suits weights of 0.1; bits are larger.
BITS_PER_UNIT = 16.0


def width_name(name: str, /) -> str:
    """Return the name, among the trained parameters, of the widths of an array's weights."""
    return f"width/{name}"


def fraction_bits(parameters: Mapping[str, Any], name: str, /) -> Any:
    """Return the fraction bits, not yet rounded, of an array's weights."""
    return BITS_PER_UNIT * parameters[width_name(name)]


def has_learned_width(name: str, /) -> bool:
    """Return whether an array's widths are learned: those of kernels that act, the head's apart."""
    return name.endswith("kernel") and name not in ("decoder/0/kernel", "head/kernel")


def starting_widths(formats: Mapping[str, Format], /, *, shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the widths that the weights start with: their format's, the widest allowed."""
    return {
        width_name(name): np.full(shapes[name], formats[name].fraction_bits / BITS_PER_UNIT, np.float32)
        for name in formats
        if has_learned_width(name)
    }


def learned_weights(values: jax.Array, bits: jax.Array, fmt: Format, /) -> jax.Array:
    """Return weights rounded to a number of fraction bits each, with gradients for both.

    Parameters
    ----------
    values : array
        Weights.
    bits : array, same shape
        Fraction bits, learned; rounded, and no more than the format's.
    fmt : Format
        Range, and finest step.

    Notes
    -----
    After Sun et al. (HGQ, arXiv:2405.00645): rounding's error falls by half with each bit, so its derivative
    by the number of bits is taken as ln 2 times the error.
    """
    whole = jnp.clip(jnp.round(bits), -fmt.integer_bits, fmt.fraction_bits)
    clipped = jnp.clip(values, fmt.low, fmt.high)
    scale = jnp.exp2(whole)
    rounded = jnp.where(whole > -fmt.integer_bits, jnp.floor(clipped * scale + 0.5) / scale, 0.0)
    # Rounding up to the next power of two, out of the format's range, must not happen at any width.
    highest = jnp.maximum(2.0**fmt.integer_bits - 1 / scale, 0.0)
    rounded = jnp.clip(rounded, -highest, highest)
    error = jax.lax.stop_gradient(clipped - rounded)
    through = clipped + jax.lax.stop_gradient(rounded - clipped)
    return through + jnp.log(2.0) * error * (bits - jax.lax.stop_gradient(bits))


def magnitude_bits(values: Any, bits: Any, /) -> jax.Array:
    """Return the width of each weight's magnitude on its grid of ``bits`` fraction bits, 0 for a zero."""
    leading = jnp.floor(jnp.log2(jnp.maximum(jnp.abs(values), 2.0**-30))) + 1
    return jnp.where(values == 0, 0.0, jnp.maximum(leading + bits, 0.0))


def effective_bit_operations(
    weights: Mapping[str, Any], widths: Mapping[str, Any], formats: ActivationFormats, /
) -> jax.Array:
    """Return the effective bit operations (EBOPs) of a step: sum of weight bits times operand bits.

    Parameters
    ----------
    weights : mapping of array
        Kernels, quantised.
    widths : mapping of array
        Fraction bits of each of their weights; the gradient goes to these.
    formats : ActivationFormats
        Width of the operands: the input for an encoder's first kernel, the state for all others, although a
        candidate's recurrent kernel multiplies the product.
    """
    total = jnp.zeros(())
    for name, value in weights.items():
        fraction = widths[name]
        rounded = fraction + jax.lax.stop_gradient(jnp.round(fraction) - fraction)
        operand = formats.input.bits if name == "encoder/0/kernel" else formats.state.bits
        total = total + operand * magnitude_bits(jax.lax.stop_gradient(value), rounded).sum()
    return total
