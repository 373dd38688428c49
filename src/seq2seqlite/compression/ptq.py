"""Post-training quantisation of weights only, as in the paper, or of weights and activations."""

import dataclasses
from typing import Any

import numpy as np

from seq2seqlite.compression.formats import (
    activation_formats,
    fixed_point_units,
    in_channels,
    kernel_bits,
    weight_formats,
    widths_in_channels,
)
from seq2seqlite.compression.recipe import QuantisationPlan
from seq2seqlite.errors import InputError
from seq2seqlite.models import Network, Quantisation, quantise

__all__ = ["quantise_network", "without_idle_kernel"]


def quantise_network(network: Network, plan: QuantisationPlan, /) -> Network:
    """Return a float network after post-training quantisation.

    The weights are quantised, and the activations too unless the plan has ``weights_only``.

    Parameters
    ----------
    network : Network
        Trained floating-point network.
    plan : QuantisationPlan
        Bit widths.

    Raises
    ------
    InputError
        If the network is already quantised, or its cell does not support fixed-point activations.

    See Also
    --------
    seq2seqlite.compression.formats.weight_formats : Return a format for each weight array.
    seq2seqlite.compression.formats.activation_formats :
        Return the formats of the activations, which need no calibration because the cell bounds their range.
    seq2seqlite.compression.QuantisationPlan : Settings of quantisation: method and bit widths.
    """
    content = network.content
    if content.quantisation is not None:
        raise InputError(f"model {network.name} is already quantised; start from a float model")
    formats = (
        None
        if plan.weights_only
        else activation_formats(
            plan,
            with_response=bool(content.response_lifetimes_ns),
            tau_range_ns=content.tau_range_ns if network.direct else None,
        )
    )
    if formats is not None and network.architecture.cell != "lite":
        raise InputError(
            f"model {network.name} has cell={network.architecture.cell!r}, which does not support "
            "fixed-point activations; set weights_only = true"
        )
    parameters: dict[str, Any] = without_idle_kernel(content.parameters)
    if formats is not None:
        parameters = fixed_point_units(parameters, formats)
    weights = weight_formats(parameters, plan)
    return Network(
        dataclasses.replace(
            content,
            parameters={
                name: in_channels(value, kernel_bits(name, plan))
                if plan.per_channel and name.endswith("kernel")
                else quantise(value, weights[name])
                for name, value in parameters.items()
            },
            quantisation=Quantisation(weights, formats, widths_in_channels(parameters, plan)),
        )
    )


def without_idle_kernel(parameters: dict[str, Any], /) -> dict[str, Any]:
    """Return the parameters with zeros in the decoder's input kernel, which has no effect.

    See Also
    --------
    quantise_network : Return a float network after post-training quantisation.
    """
    name = "decoder/0/kernel"
    return {**parameters, name: np.zeros_like(parameters[name])} if name in parameters else parameters
