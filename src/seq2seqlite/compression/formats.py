"""Choice of fixed-point formats: position of the binary point for given bit widths."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.compression.recipe import QuantisationPlan
from seq2seqlite.errors import InputError
from seq2seqlite.models import ActivationFormats, Format, Parameters, quantise
from seq2seqlite.models.architecture import DIRECT_OUTPUTS

__all__ = [
    "activation_formats",
    "best_format",
    "channel_fraction_bits",
    "fixed_point_units",
    "in_channels",
    "kernel_bits",
    "weight_formats",
    "widths_in_channels",
    "with_rounded_response",
]

# Formats with fewer integer bits than the largest weight needs are also tried: clipping a few large weights
# may cause less error than a coarser step for all weights.
TRIED_BELOW = 4
# Width of the lifetimes of a direct network.
TAU_BITS = 16
# Widest format of a weight array.
MAX_BITS = 16


def activation_formats(
    plan: QuantisationPlan,
    /,
    *,
    with_response: bool = False,
    tau_range_ns: tuple[float, float] | None = None,
) -> ActivationFormats:
    """Return the formats of the activations, which need no calibration because the cell bounds their range.

    The SFD is between 0 and 1, relative to the first sample of the total.

    Parameters
    ----------
    plan : QuantisationPlan
        Bit widths.
    with_response : bool
        Whether the network gets the response.
    tau_range_ns : tuple of float, optional
        Range of the lifetimes, of a direct network; its lifetimes have 16 bits.

    See Also
    --------
    weight_formats : Return a format for each weight array.
    seq2seqlite.models.ActivationFormats : Formats of the activations of a ``lite`` network.
    """
    return ActivationFormats(
        input=_unsigned(plan.input_bits),
        state=_signed(plan.state_bits),
        gate=_unsigned(plan.gate_bits),
        candidate=_signed(plan.candidate_bits),
        product=_signed(plan.product_bits),
        output=_unsigned(plan.output_bits) if tau_range_ns is None else _lifetimes(tau_range_ns),
        operand=_signed(plan.operand_bits) if plan.operand_bits else None,
        response=(
            Format(
                signed=False,
                integer_bits=plan.response_integer_bits,
                fraction_bits=plan.response_bits - plan.response_integer_bits,
            )
            if with_response
            else None
        ),
        full_gate=plan.full_gate,
        write_back=plan.write_back,
        residual_bits=plan.residual_bits,
    )


def with_rounded_response(
    inputs: NDArray[np.float32], formats: ActivationFormats | None, /
) -> NDArray[np.float32]:
    """Return inputs, shape (n, n_gates, n_inputs), with the columns of the response rounded to their format.

    See Also
    --------
    activation_formats : Formats of the activations.
    """
    if formats is None or formats.response is None:
        return inputs
    return np.concatenate([inputs[..., :1], quantise(inputs[..., 1:], formats.response)], axis=-1)


def _lifetimes(tau_range_ns: tuple[float, float]) -> Format:
    integer_bits = _integer_bits(2 * tau_range_ns[1])
    return Format(signed=False, integer_bits=integer_bits, fraction_bits=TAU_BITS - integer_bits)


def _unsigned(bits: int) -> Format:
    return Format(signed=False, integer_bits=0, fraction_bits=bits)


def _signed(bits: int, integer_bits: int = 0) -> Format:
    return Format(signed=True, integer_bits=integer_bits, fraction_bits=bits - 1 - integer_bits)


def weight_formats(parameters: Parameters, plan: QuantisationPlan, /) -> dict[str, Format]:
    """Return a format for each weight array.

    Parameters
    ----------
    parameters : dict of ndarray
        Floating-point weights.
    plan : QuantisationPlan
        Bit widths.

    Raises
    ------
    InputError
        If a weight exceeds the range given by the integer bits of the plan.

    See Also
    --------
    best_format : Return the signed format of a given width with the smallest squared rounding error.
    activation_formats :
        Return the formats of the activations, which need no calibration because the cell bounds their range.
    """
    return {name: _weight_format(name, value, plan) for name, value in parameters.items()}


def _weight_format(name: str, values: NDArray[Any], plan: QuantisationPlan) -> Format:
    if name.endswith("bias"):
        return best_format(values, plan.bias_bits or plan.weight_bits)
    bits = kernel_bits(name, plan)
    if plan.per_channel:
        fraction_bits = channel_fraction_bits(values, bits)
        whole = bits - 1 - int(fraction_bits.min())
        return _signed(1 + whole + int(fraction_bits.max()), whole)
    if plan.weight_integer_bits is None:
        return best_format(values, bits)
    fmt = _signed(bits, plan.weight_integer_bits)
    largest = float(np.abs(values).max(initial=0.0))
    if largest > fmt.high + fmt.step / 2:
        raise InputError(
            f"quantisation.weight_integer_bits={plan.weight_integer_bits} with {bits} bits limits weights to "
            f"{fmt.high:.4g}, but array {name} has {largest:.4g}; set it to {_integer_bits(largest)} or "
            "remove it"
        )
    return fmt


def kernel_bits(name: str, plan: QuantisationPlan, /) -> int:
    """Return the width of the weights of a kernel.

    See Also
    --------
    weight_formats : Return a format for each weight array.
    """
    return (plan.head_bits if name.startswith("head") else 0) or plan.weight_bits


def channel_fraction_bits(values: NDArray[Any], bits: int, /) -> NDArray[np.int64]:
    """Return the fraction bits of each column of a kernel, for weights of a given width.

    The columns differ so little that all fit into one format of 16 bits.

    See Also
    --------
    best_format : Return the signed format of a given width with the smallest squared rounding error.

    Examples
    --------
    >>> channel_fraction_bits(np.array([[0.9, 0.1], [-0.5, -0.12]]), 4)
    array([3, 6])
    """
    found = np.array([best_format(column, bits).fraction_bits for column in np.transpose(values)])
    return np.asarray(np.minimum(found, found.min() + MAX_BITS - bits))


def in_channels(values: NDArray[Any], bits: int, /) -> NDArray[np.float32]:
    """Return the weights of a kernel rounded to the format of their column.

    See Also
    --------
    channel_fraction_bits : Return the fraction bits of each column of a kernel, for weights of a given width.
    """
    columns = zip(np.transpose(values), channel_fraction_bits(values, bits), strict=True)
    rounded = [quantise(column, _signed(bits, bits - 1 - int(fraction))) for column, fraction in columns]
    return np.stack(rounded, axis=1).astype(np.float32)


def widths_in_channels(parameters: Parameters, plan: QuantisationPlan, /) -> dict[str, NDArray[np.uint8]]:
    """Return the width of each weight of the kernels whose columns have their own binary points.

    See Also
    --------
    seq2seqlite.models.Quantisation : Fixed-point formats of the weights and activations of a network.
    """
    if not plan.per_channel:
        return {}
    return {
        name: np.full(np.shape(value), kernel_bits(name, plan), np.uint8)
        for name, value in parameters.items()
        if name.endswith("kernel")
    }


def best_format(values: NDArray[Any], bits: int, /) -> Format:
    """Return the signed format of a given width with the smallest squared rounding error.

    See Also
    --------
    weight_formats : Return a format for each weight array.
    seq2seqlite.models.Format :
        Fixed-point format: multiples of ``2**-fraction_bits`` with symmetric saturation.

    Examples
    --------
    >>> best_format(np.array([0.1, -0.24]), 8)
    Format(signed=True, integer_bits=-2, fraction_bits=9)
    """
    largest = float(np.abs(values).max(initial=0.0))
    top = _integer_bits(largest)
    formats = [_signed(bits, top - less) for less in range(TRIED_BELOW)]
    return min(formats, key=lambda fmt: float(((quantise(values, fmt) - values) ** 2).sum()))


def fixed_point_units(parameters: dict[str, Any], formats: ActivationFormats, /) -> dict[str, Any]:
    """Return float parameters rescaled for the units of fixed-point networks.

    The peak of an input is the highest code instead of 1, and the errors that a direct network predicts are
    logarithms to base 2 instead of natural ones: hardware then adds where it would have to multiply.

    See Also
    --------
    activation_formats :
        Return the formats of the activations, which need no calibration because the cell bounds their range.
    """
    kernel = np.array(parameters["encoder/0/kernel"], np.float32)
    kernel[0] /= np.float32(formats.input.high)  # the other rows belong to the response
    changed = {**parameters, "encoder/0/kernel": kernel}
    if "decoder/0/kernel" not in parameters:
        for name in ("head/kernel", "head/bias"):
            values = np.array(parameters[name], np.float32)
            values[..., len(DIRECT_OUTPUTS) :] /= np.float32(np.log(2))
            changed[name] = values
    return changed


def _integer_bits(largest: float) -> int:
    return math.floor(math.log2(largest)) + 1 if largest > 0 else 0
