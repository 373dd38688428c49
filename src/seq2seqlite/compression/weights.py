"""Weights of a student during its training: pruned and quantised as its recipe says."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seq2seqlite.compression import qat
from seq2seqlite.compression.formats import (
    channel_fraction_bits,
    fixed_point_units,
    kernel_bits,
    weight_formats,
    widths_in_channels,
)
from seq2seqlite.compression.ptq import without_idle_kernel
from seq2seqlite.compression.recipe import CompressionRecipe, QuantisationPlan
from seq2seqlite.compression.sparsity import (
    only_units,
    progress_at,
    prune_units,
    prune_weights,
    surviving_units,
)
from seq2seqlite.models import ActivationFormats, Architecture, Format, Parameters, Quantisation

__all__ = ["CompressedWeights", "Effective"]


@dataclass(frozen=True)
class Effective:
    """Effective network at a step.

    Parameters
    ----------
    parameters : dict of array
        Pruned and quantised weights.
    fraction_bits : dict of array
        Unrounded fraction bits of each weight, of the arrays whose bit widths are learned.
    """

    parameters: dict[str, Any]
    fraction_bits: dict[str, Any]


class CompressedWeights:
    """Weights of a student during its training.

    Parameters
    ----------
    recipe : CompressionRecipe
        Network and compression techniques.
    start : callable
        Returns the float weights with which the training starts.
    formats : ActivationFormats or None
        Formats of the activations; None without quantisation-aware training.
    """

    def __init__(
        self,
        recipe: CompressionRecipe,
        /,
        *,
        start: Callable[[], dict[str, Any]],
        formats: ActivationFormats | None,
    ) -> None:
        self.recipe, self.formats = recipe, formats
        self.architecture = recipe.training.architecture
        self._start = start

    @property
    def plan(self) -> QuantisationPlan | None:
        """Plan of the quantisation-aware training."""
        plan = self.recipe.quantisation
        return plan if plan is not None and plan.method == "qat" else None

    @property
    def learned(self) -> bool:
        """Whether the bit widths are learned."""
        return self.plan is not None and self.plan.learned

    def eligible(self, step: int, /, *, end: int) -> bool:
        """Return whether the weights after a step may be the result of a training that ends at ``end``."""
        if self.learned:
            return step >= end  # learned widths decrease until the last step
        sparsity = self.recipe.sparsity
        return sparsity is None or step >= np.ceil(sparsity.end * self.recipe.training.steps)

    @cached_property
    def formats_of_weights(self) -> dict[str, Format]:
        """Format of each weight array, chosen for the starting weights of the training."""
        assert self.plan is not None
        return weight_formats(self._start_weights, self.plan)

    @cached_property
    def _fraction_bits(self) -> dict[str, Any]:
        """Fraction bits of each column of each kernel, chosen for the starting weights of the training."""
        assert self.plan is not None
        return {
            name: channel_fraction_bits(np.asarray(value), kernel_bits(name, self.plan))
            for name, value in self._start_weights.items()
            if name.endswith("kernel")
        }

    @cached_property
    def _start_weights(self) -> dict[str, Any]:
        weights = self._start()
        return weights if self.formats is None else fixed_point_units(weights, self.formats)

    def start(self) -> dict[str, Any]:
        """Return the weights and, where they are learned, the bit widths with which the training starts."""
        parameters = dict(self._start_weights)
        if self.plan is not None and self.plan.learned:
            shapes = {name: np.shape(value) for name, value in parameters.items()}
            parameters.update(qat.starting_widths(self.formats_of_weights, shapes=shapes))
        return parameters

    def at(self, parameters: Any, step: Any, /) -> Effective:
        """Return the effective network at a step."""
        weights = {name: parameters[name] for name in self.architecture.parameter_shapes}
        sparsity = self.recipe.sparsity
        if sparsity is not None:
            done = progress_at(sparsity, step, self.recipe.training.steps)
            weights = prune_units(self.architecture, weights, done * sparsity.units)
            weights = prune_weights(weights, done * sparsity.weights)
        if self.plan is None:
            return Effective(weights, {})
        widths: dict[str, Any] = {}
        for name, value in weights.items():
            fmt = self.formats_of_weights[name]
            if self.plan.learned and qat.has_learned_width(name):
                widths[name] = qat.fraction_bits(parameters, name)
                weights[name] = qat.learned_weights(value, widths[name], fmt)
            elif self.plan.per_channel and name.endswith("kernel"):
                bits = kernel_bits(name, self.plan)
                weights[name] = qat.straight_through_channels(value, self._fraction_bits[name], bits)
            else:
                weights[name] = qat.straight_through(value, fmt)
        return Effective(weights, widths)

    def penalty(self, network: Effective, /) -> jax.Array:
        """Return the penalty for bit operations in the loss; 0 unless bit widths are learned."""
        if self.plan is None or not self.plan.learned:
            return jnp.zeros(())
        assert self.formats is not None
        weights = {name: network.parameters[name] for name in network.fraction_bits}
        operations = qat.effective_bit_operations(weights, network.fraction_bits, self.formats)
        size = sum(value.size for value in weights.values())
        relative: jax.Array = operations / (
            size * (self.plan.weight_bits - 1) * self.formats.state_operand.bits
        )
        return self.plan.penalty * relative

    def pulled_back(self, parameters: Any, step: Any, gradient: Any, /) -> tuple[jax.Array, Any]:
        """Return the penalty, and the gradient of the loss with respect to the trained parameters.

        Parameters
        ----------
        parameters : dict of array
            Trained parameters.
        step : int
            Step.
        gradient : dict of array
            Gradient of the loss without penalty with respect to the effective weights.
        """

        def effective(chosen: Any) -> tuple[jax.Array, Any]:
            network = self.at(chosen, step)
            return self.penalty(network), network.parameters

        (penalty, _), pull_back = jax.vjp(effective, parameters)
        return penalty, pull_back((jnp.ones(()), gradient))[0]

    def finished(self, parameters: Any, /) -> tuple[Architecture, Parameters, Quantisation | None]:
        """Return the trained network without pruned units, and its formats if it is quantised."""
        network = self.at(parameters, self.recipe.training.steps)
        arrays = {name: np.asarray(value) for name, value in network.parameters.items()}
        bits = self._weight_bits(network)
        architecture = self.architecture
        sparsity = self.recipe.sparsity
        if sparsity is not None and sparsity.units > 0:
            kept = surviving_units(architecture, arrays)
            arrays, bits = (only_units(architecture, some, kept) for some in (arrays, bits))
            architecture = replace(architecture, layers=tuple(len(units) for units in kept))
        if self.plan is None:
            return architecture, arrays, None
        quantisation = Quantisation(self.formats_of_weights, self.formats, bits)
        return architecture, without_idle_kernel(arrays), quantisation

    def _weight_bits(self, network: Effective) -> dict[str, Any]:
        """Return the bit width of each weight with its own width; if learned, its magnitude plus a sign."""
        bits: dict[str, Any] = {}
        if self.plan is not None:
            bits.update(widths_in_channels(network.parameters, self.plan))
        for name, fraction in network.fraction_bits.items():
            rounded = np.minimum(np.round(fraction), self.formats_of_weights[name].fraction_bits)
            values = np.asarray(network.parameters[name])
            width = np.asarray(qat.magnitude_bits(values, rounded)) + 1
            bits[name] = np.where(values == 0, 0, width).astype(np.uint8)
        return bits
