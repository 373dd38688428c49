"""Post-training quantisation: weights alone, as in the paper, or everything."""

import dataclasses
from typing import Any

import numpy as np

from seq2seqlite.compression.formats import activation_formats, weight_formats, with_input_step
from seq2seqlite.compression.recipe import QuantisationPlan
from seq2seqlite.errors import InputError
from seq2seqlite.models import Network, Quantisation, quantise

__all__ = ["quantise_network", "without_idle_kernel"]


def quantise_network(network: Network, plan: QuantisationPlan, /) -> Network:
    """Return a float network with its weights, and unless the plan says otherwise everything else, quantised.

    Parameters
    ----------
    network : Network
        Trained, in floating point.
    plan : QuantisationPlan
        Widths.

    Raises
    ------
    InputError
        If the network is already quantised, or has a cell without fixed-point activations.
    """
    content = network.content
    if content.quantisation is not None:
        raise InputError(f"model {network.name} is already quantised; start from a float model")
    formats = None if plan.weights_only else activation_formats(plan)
    if formats is not None and network.architecture.cell != "lite":
        raise InputError(f"model {network.name} has a cell without fixed-point activations; use weights_only")
    parameters: dict[str, Any] = without_idle_kernel(content.parameters)
    if formats is not None:
        parameters = with_input_step(parameters, formats)
    weights = weight_formats(parameters, plan)
    return Network(
        dataclasses.replace(
            content,
            parameters={name: quantise(value, weights[name]) for name, value in parameters.items()},
            quantisation=Quantisation(weights, formats),
        )
    )


def without_idle_kernel(parameters: dict[str, Any], /) -> dict[str, Any]:
    """Return the parameters with zeros in the decoder's input kernel, which never acts."""
    name = "decoder/0/kernel"
    return {**parameters, name: np.zeros_like(parameters[name])}
