"""Cost figures of a network: parameters, bits, multiply-accumulate operations, look-up tables."""

from typing import Any

import numpy as np

from seq2seqlite.hardware.resources.da4ml_cost import lut_estimate
from seq2seqlite.models import Network

__all__ = ["cost_figures"]

FLOAT_BITS = 32


def cost_figures(network: Network, /) -> dict[str, Any]:
    """Return the cost figures of a network.

    Parameters
    ----------
    network : Network
        Float or quantised.

    Returns
    -------
    dict
        ``parameters``; ``nonzero_weights``; ``weight_memory_bits``, the sum of the widths of all non-zero
        weights; ``mean_weight_bits``, this sum divided by the number of parameters; ``state_bits`` per unit;
        ``macs_per_pixel``; ``lut_estimate`` (sum of encoder step, decoder step and head) and
        ``lut_estimate_parts``, both null for floating-point networks.

    See Also
    --------
    seq2seqlite.hardware.resources.da4ml_cost.lut_estimate :
        Return the estimated number of LUTs of a network's encoder step, decoder step and head.
    seq2seqlite.compression.qat.effective_bit_operations :
        Return the effective bit operations (EBOPs) of a step: the sum of weight bits times operand bits.
    """
    content = network.content
    parameters, quantisation = content.parameters, content.quantisation
    nonzero = sum(int(np.count_nonzero(value)) for value in parameters.values())
    if quantisation is None:
        memory = FLOAT_BITS * nonzero
    else:
        memory = sum(int(quantisation.bits_of(name, value).sum()) for name, value in parameters.items())
    luts = None if network.formats is None else lut_estimate(network)
    return {
        "parameters": network.architecture.n_parameters,
        "nonzero_weights": nonzero,
        "weight_memory_bits": memory,
        "mean_weight_bits": round(memory / network.architecture.n_parameters, 4),
        "state_bits": FLOAT_BITS if network.formats is None else network.formats.state_bits,
        "macs_per_pixel": network.architecture.macs_per_decay(network.axis.n_gates),
        "lut_estimate": None if luts is None else sum(luts.values()),
        "lut_estimate_parts": luts,
    }
