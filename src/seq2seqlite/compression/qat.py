"""Quantisation-aware training: quantised weights in the forward pass, straight-through gradients.

The quantisers of the activations are part of the network (:mod:`seq2seqlite.models.jax_forward`).
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
    "straight_through_channels",
    "width_name",
]


def straight_through(values: jax.Array, fmt: Format, /) -> jax.Array:
    """Return values rounded to a format; the gradient ignores the rounding (straight-through estimator).

    See Also
    --------
    learned_weights : Return weights rounded to individual numbers of fraction bits, with gradients for both.
    seq2seqlite.models.quantise :
        Return values rounded to the nearest step of a format (ties upwards) and saturated.
    """
    clipped = jnp.clip(values, fmt.low, fmt.high)
    return clipped + jax.lax.stop_gradient(quantise_jax(values, fmt) - clipped)


def straight_through_channels(values: jax.Array, fraction_bits: Any, bits: int, /) -> jax.Array:
    """Return weights of a width rounded to the fraction bits of their column, with straight-through gradient.

    See Also
    --------
    straight_through : The same with one format.
    """
    scale = jnp.exp2(jnp.asarray(fraction_bits, values.dtype))
    high = (2.0 ** (bits - 1) - 1) / scale
    clipped = jnp.clip(values, -high, high)
    rounded = jnp.clip(jnp.floor(values * scale + 0.5) / scale, -high, high)
    return clipped + jax.lax.stop_gradient(rounded - clipped)


# Adam changes each parameter by about the learning rate per step. This suits weights of about 0.1, but bit
# widths are larger and are scaled by this factor.
BITS_PER_UNIT = 16.0


def width_name(name: str, /) -> str:
    """Return the name of the trained parameter that holds the bit widths of a weight array.

    See Also
    --------
    has_learned_width :
        Return whether the bit widths of an array are learned: all kernels in use except the head's.
    starting_widths :
        Return the initial bit widths of the weights: those of their formats, which are the maximum.
    """
    return f"width/{name}"


def fraction_bits(parameters: Mapping[str, Any], name: str, /) -> Any:
    """Return the unrounded fraction bits of the weights of an array.

    See Also
    --------
    starting_widths :
        Return the initial bit widths of the weights: those of their formats, which are the maximum.
    learned_weights : Return weights rounded to individual numbers of fraction bits, with gradients for both.
    """
    return BITS_PER_UNIT * parameters[width_name(name)]


def has_learned_width(name: str, /) -> bool:
    """Return whether the bit widths of an array are learned: all kernels in use except the head's.

    See Also
    --------
    width_name : Return the name of the trained parameter that holds the bit widths of a weight array.
    """
    return name.endswith("kernel") and name not in ("decoder/0/kernel", "head/kernel")


def starting_widths(formats: Mapping[str, Format], /, *, shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the initial bit widths of the weights: those of their formats, which are the maximum.

    See Also
    --------
    fraction_bits : Return the unrounded fraction bits of the weights of an array.
    width_name : Return the name of the trained parameter that holds the bit widths of a weight array.
    """
    return {
        width_name(name): np.full(shapes[name], formats[name].fraction_bits / BITS_PER_UNIT, np.float32)
        for name in formats
        if has_learned_width(name)
    }


def learned_weights(values: jax.Array, bits: jax.Array, fmt: Format, /) -> jax.Array:
    """Return weights rounded to individual numbers of fraction bits, with gradients for both.

    Parameters
    ----------
    values : array
        Weights.
    bits : array, same shape
        Learned fraction bits; rounded, and limited to those of the format.
    fmt : Format
        Format that gives the range and the finest step.

    See Also
    --------
    straight_through :
        Return values rounded to a format; the gradient ignores the rounding (straight-through estimator).
    fraction_bits : Return the unrounded fraction bits of the weights of an array.

    Notes
    -----
    The gradient follows Sun et al. (HGQ, arXiv:2405.00645): the rounding error halves with each bit, so its
    derivative with respect to the number of bits is approximated by ln 2 times the error.
    """
    whole = jnp.clip(jnp.round(bits), -fmt.integer_bits, fmt.fraction_bits)
    clipped = jnp.clip(values, fmt.low, fmt.high)
    scale = jnp.exp2(whole)
    rounded = jnp.where(whole > -fmt.integer_bits, jnp.floor(clipped * scale + 0.5) / scale, 0.0)
    # Rounding up to the next power of two would exceed the range of the format; prevent it at every width.
    highest = jnp.maximum(2.0**fmt.integer_bits - 1 / scale, 0.0)
    rounded = jnp.clip(rounded, -highest, highest)
    error = jax.lax.stop_gradient(clipped - rounded)
    through = clipped + jax.lax.stop_gradient(rounded - clipped)
    return through + jnp.log(2.0) * error * (bits - jax.lax.stop_gradient(bits))


def magnitude_bits(values: Any, bits: Any, /) -> jax.Array:
    """Return the bit width of each weight's magnitude on a grid of ``bits`` fraction bits; 0 for zero.

    See Also
    --------
    effective_bit_operations :
        Return the effective bit operations (EBOPs) of a step: the sum of weight bits times operand bits.
    """
    leading = jnp.floor(jnp.log2(jnp.maximum(jnp.abs(values), 2.0**-30))) + 1
    return jnp.where(values == 0, 0.0, jnp.maximum(leading + bits, 0.0))


def effective_bit_operations(
    weights: Mapping[str, Any], widths: Mapping[str, Any], formats: ActivationFormats, /
) -> jax.Array:
    """Return the effective bit operations (EBOPs) of a step: the sum of weight bits times operand bits.

    Parameters
    ----------
    weights : mapping of array
        Quantised kernels.
    widths : mapping of array
        Fraction bits of each weight; the result is differentiable with respect to these.
    formats : ActivationFormats
        Widths of the operands: that of the input for the first kernel of the encoder, and that of the state
        for all other kernels. This is an approximation for the candidate's recurrent kernel, whose operand is
        the product of reset gate and state.

    See Also
    --------
    magnitude_bits :
        Return the bit width of each weight's magnitude on a grid of ``bits`` fraction bits; 0 for zero.
    seq2seqlite.compression.cost.cost_figures : Return the cost figures of a network.
    """
    total = jnp.zeros(())
    for name, value in weights.items():
        fraction = widths[name]
        rounded = fraction + jax.lax.stop_gradient(jnp.round(fraction) - fraction)
        operand = formats.input.bits if name == "encoder/0/kernel" else formats.state_operand.bits
        total = total + operand * magnitude_bits(jax.lax.stop_gradient(value), rounded).sum()
    return total
