"""Cost, in look-up tables (LUTs), that da4ml assigns to the kernels of a student.

This is the only module that uses the tracer of da4ml. The cost is that of the adders, multipliers and
quantisers of the traced kernels. It is the LUT estimate of a network without a design; see
:func:`~seq2seqlite.hardware.resources.estimate.lut_estimate`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.models import ActivationFormats, Format, Network

__all__ = ["kernel_costs", "product_cost"]


def kernel_costs(network: Network, /) -> dict[str, int]:
    """Return the cost of a network's encoder step, decoder step and head, in LUTs.

    Parameters
    ----------
    network : Network
        Network with fixed-point activations.

    Returns
    -------
    dict
        ``encoder``, ``decoder``, ``head``. A direct network has no decoder, and its head, which is applied
        once a pixel, takes a multiplier and no adder graph: both are 0.

    Raises
    ------
    InputError
        If the activations are in floating point.

    See Also
    --------
    seq2seqlite.compression.cost.cost_figures : Return the cost figures of a network.
    seq2seqlite.hardware.resources.estimate.estimate :
        Estimate the resources of a design from its kernels and the calibration of the FPGA family.
    """
    if network.formats is None:
        raise InputError(
            f"model {network.name} has floating-point activations; a LUT estimate requires a quantised model"
        )
    layers = range(len(network.architecture.layers))
    encoder = round(sum(_step_cost(network, "encoder", i) for i in layers))
    if network.direct:
        return {"encoder": encoder, "decoder": 0, "head": 0}
    decoder = round(sum(_step_cost(network, "decoder", i) for i in layers))
    return {"encoder": encoder, "decoder": decoder, "head": round(_head_cost(network))}


def product_cost(
    kernel: NDArray[np.floating], bias: NDArray[np.floating], operand: Format, output: Format, /
) -> float:
    """Return the cost of a product with a constant matrix whose outputs are rounded and saturated, in LUTs.

    Parameters
    ----------
    kernel : ndarray, shape (operands, outputs)
        Fixed-point weights.
    bias : ndarray, shape (outputs,)
        Fixed-point bias.
    operand, output : Format
        Formats of operands and outputs.

    See Also
    --------
    kernel_costs : Return the cost of a network's encoder step, decoder step and head, in LUTs.
    """
    from da4ml.trace import comb_trace

    variables = _inputs(len(kernel))
    x = variables.quantize(*_kif(operand))
    y = x @ kernel.astype(np.float64) + bias.astype(np.float64)
    return float(comb_trace(variables, _quantised(y, output)).cost)


def _step_cost(network: Network, part: str, index: int) -> float:
    from da4ml.trace import comb_trace

    formats, weights = network.formats, network.content.parameters
    assert formats is not None
    layers = network.architecture.layers
    units, name = layers[index], f"{part}/{index}"
    first = network.architecture.n_inputs if part == "encoder" else 0
    n_inputs = layers[index - 1] if index else first
    variables = _inputs(n_inputs + units + (units if formats.residual_bits else 0))
    x = variables[:n_inputs].quantize(*_kif(formats.state if index else formats.input))
    if not index and formats.response is not None and n_inputs > 1:
        response = variables[1:n_inputs].quantize(*_kif(formats.response))
        x = np.concatenate([x[:1], response])
    h = variables[n_inputs : n_inputs + units].quantize(*_kif(formats.state))
    operand = _leading_bits(formats, h)
    residue: Any = 0
    if formats.residual_bits:
        fraction = formats.state.fraction_bits
        residue = variables[n_inputs + units :].quantize(1, -fraction - 1, fraction + formats.residual_bits)
    kernel = weights[f"{name}/kernel"][:n_inputs].astype(np.float64)
    recurrent = weights[f"{name}/recurrent_kernel"].astype(np.float64)
    bias = weights[f"{name}/bias"].astype(np.float64)

    def affine(columns: slice, state: Any) -> Any:
        rows = np.concatenate([kernel[:, columns], recurrent[:, columns]])
        operands = np.concatenate([x, state]) if n_inputs else state
        return operands @ rows + bias[columns]

    # A gate that reaches 1 costs a gate of logic more for each of its bits, which is not counted.
    gates = _quantised(affine(slice(0, 2 * units), operand) * 0.5 + 0.5, formats.gate)
    z, r = gates[:units], gates[units:]
    product = _quantised(r * operand, formats.product)
    c = _quantised(affine(slice(2 * units, 3 * units), product), formats.candidate)
    outputs = [_written_back(formats, h, residue, z, c)]
    return float(comb_trace(variables, np.concatenate(outputs)).cost)


def _written_back(formats: ActivationFormats, h: Any, residue: Any, z: Any, c: Any) -> Any:
    fed_back = formats.write_back == "error-feedback"
    wide = c + z * (h - c) + residue if fed_back else c + z * (h + residue - c)
    # The value lies between candidate and old state, so it cannot overflow, and wrapping needs no logic.
    k, i, f = _kif(formats.state)
    state = wide.quantize(k, i, f, overflow_mode="WRAP", round_mode="RND")
    if not formats.residual_bits:
        return state
    rest = (wide - state).quantize(
        1, -f - 1, f + formats.residual_bits, overflow_mode="WRAP", round_mode="TRN"
    )
    return np.concatenate([state, rest])


def _head_cost(network: Network) -> float:
    from da4ml.trace import comb_trace

    formats, weights = network.formats, network.content.parameters
    assert formats is not None
    variables = _inputs(network.architecture.layers[-1])
    state = _leading_bits(formats, variables.quantize(*_kif(formats.state)))
    output = state @ weights["head/kernel"].astype(np.float64) + weights["head/bias"].astype(np.float64)
    return float(comb_trace(variables, _quantised(output, formats.output)).cost)


def _leading_bits(formats: ActivationFormats, state: Any) -> Any:
    if formats.operand is None:
        return state
    return state.quantize(*_kif(formats.operand), overflow_mode="WRAP", round_mode="TRN")


def _inputs(n: int) -> Any:
    from da4ml.trace import FixedVariableArrayInput, HWConfig

    return FixedVariableArrayInput((n,), hwconf=HWConfig(1, -1, -1))


def _kif(fmt: Format) -> tuple[int, int, int]:
    return int(fmt.signed), fmt.integer_bits, fmt.fraction_bits


def _quantised(values: Any, fmt: Format) -> Any:
    return values.quantize(*_kif(fmt), overflow_mode="SAT_SYM", round_mode="RND")
